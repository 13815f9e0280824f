// Texts by typed keys. Russian travels with the feature that shows it; English is a chunk of its own, loaded on the switch.

/** Forms of a counted text by the plural categories of `Intl.PluralRules`. `{count}` stands for the number. */
export type Plural = { one: string; few?: string; many?: string; other: string };
export type Entry = string | Plural;
export type Dictionary = Record<string, Entry>;

/** A translation has the same keys and the same kinds of entries. */
export type Translation<D> = { [K in keyof D]: D[K] extends string ? string : Plural };

type Placeholders<S extends string> = S extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
type NamesOf<E> = E extends string
  ? Placeholders<E>
  : E extends { other: infer Other extends string }
    ? Placeholders<Other> | 'count'
    : never;
type Values<E> = { [Name in NamesOf<E>]: Name extends 'count' ? number : string | number };
type Arguments<E> = [NamesOf<E>] extends [never] ? [] : [values: Values<E>];

/** Gives the text of a key; what the text needs to be filled with is checked by its type. */
export type Translate<D> = <K extends keyof D & string>(key: K, ...values: Arguments<D[K]>) => string;

export type Texts<D extends Dictionary> = {
  russian: D;
  /** `undefined` until it was loaded, `null` when it could not be. */
  english: Translation<D> | undefined | null;
  /** Resolves in any case: offline, Russian stays. `again`: tries once more what has failed. */
  load: (again?: boolean) => Promise<void>;
};

/** Longer than a slow line takes: a page must not stay empty because a request hangs. */
const PATIENCE_MS = 4_000;
const tooLate = () => new Promise<never>((_, reject) => setTimeout(reject, PATIENCE_MS));

const defined: Pick<Texts<Dictionary>, 'load'>[] = [];

/** The English of everything that a page has brought so far. */
export function loadEnglish(): Promise<unknown> {
  return Promise.all(defined.map(({ load }) => load(true)));
}

export function defineTexts<const D extends Dictionary>(
  russian: D,
  english: () => Promise<{ default: Translation<D> }>,
): Texts<D> {
  let loading: Promise<void> | undefined;
  const texts: Texts<D> = {
    russian,
    english: undefined,
    load: (again) => {
      if (again && texts.english === null) loading = undefined;
      loading ??= Promise.race([english(), tooLate()]).then(
        (module) => {
          texts.english = module.default;
        },
        () => {
          texts.english = null;
        },
      );
      return loading;
    },
  };
  defined.push(texts);
  return texts;
}

const pluralRules: Record<string, Intl.PluralRules> = {};

function pick(entry: Entry, locale: string, count: unknown): string {
  if (typeof entry === 'string') return entry;
  pluralRules[locale] ??= new Intl.PluralRules(locale);
  const category = pluralRules[locale].select(Number(count));
  return (category in entry ? entry[category as keyof Plural] : undefined) ?? entry.other;
}

export function translate(
  dictionary: Dictionary,
  locale: string,
  key: string,
  values?: Record<string, string | number>,
): string {
  const entry = dictionary[key];
  if (entry === undefined) return key;
  const text = pick(entry, locale, values?.count);
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(locale).format(value) : value;
  });
}
