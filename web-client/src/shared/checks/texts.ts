import { defineTexts } from '../i18n/texts';
import russian from './texts.ru';

export const checkTexts = defineTexts(russian, () => import('./texts.en'));
