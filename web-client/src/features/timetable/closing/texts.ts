import { defineTexts } from '../../../shared/i18n/texts';
import english from './texts.en';
import russian from './texts.ru';

// Both languages in the one chunk: they are shorter than a chunk's own cost.
export const closingTexts = defineTexts(russian, () => Promise.resolve({ default: english }));
