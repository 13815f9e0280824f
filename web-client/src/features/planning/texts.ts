import { defineTexts } from '../../shared/i18n/texts';
import pageRussian from './page-texts.ru';

export const loadTexts = defineTexts(pageRussian, () => import('./page-texts.en'));
