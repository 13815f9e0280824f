import { defineTexts } from '../../shared/i18n/texts';
import russian from './texts.ru';

export const journalTexts = defineTexts(russian, () => import('./texts.en'));
