import commonRu from './locales/common.ru';
import errorsRu from './locales/errors.ru';
import { defineTexts } from './texts';

export const commonTexts = defineTexts(commonRu, () => import('./locales/common.en'));
export const errorTexts = defineTexts(errorsRu, () => import('./locales/errors.en'));
