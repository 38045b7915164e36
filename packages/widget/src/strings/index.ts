import { ar } from './ar.js';
import { de } from './de.js';
import { en } from './en.js';
import type { Strings } from './types.js';

const LANGUAGES: readonly Strings[] = [en, de, ar];

/**
 * The words for a language tag: German for "de-AT". English where the widget does not speak the language.
 *
 * @param tag BCP 47, as in the `lang` attribute
 */
export function stringsFor(tag: string | undefined): Strings {
  const language = tag?.toLowerCase().split('-')[0];
  return LANGUAGES.find(({ locale }) => locale === language) ?? en;
}
