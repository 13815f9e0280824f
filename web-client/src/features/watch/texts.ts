import { defineTexts } from '../../shared/i18n/texts';
import russian from './texts.ru';

export const watchTexts = defineTexts(russian, () => import('./texts.en'));
