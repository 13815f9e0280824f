import { defineTexts } from '../../shared/i18n/texts';
import pageRussian from './page-texts.ru';
import russian from './texts.ru';

export const loadTexts = defineTexts(pageRussian, () => import('./page-texts.en'));
export const planningTexts = defineTexts(russian, () => import('./texts.en'));
