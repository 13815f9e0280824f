import { defineTexts } from '../../shared/i18n/texts';
import russian from './texts.ru';

export const guideTexts = defineTexts(russian, () => import('./texts.en'));
