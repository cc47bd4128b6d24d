// Names in the order of people: "web2" before "web10", in the order of the language.
// Lists have thousands of names and are sorted again at every change: what is plain ASCII is
// compared by keys that are made once, and only the rest by the language's own rules.

const DIGITS = 12;
/** Keys that are kept; beyond that they are made anew. */
const KEPT_MAX = 50_000;
const PLAIN = /^[\u0020-\u007e]*$/;

const keys = new Map<string, string | null>();
const collators = new Map<string, Intl.Collator>();

/** What a name is sorted by; null: only the language's rules know. */
function keyOf(name: string): string | null {
  let key = keys.get(name);
  if (key === undefined) {
    if (keys.size >= KEPT_MAX) keys.clear();
    key = PLAIN.test(name) ? `${name.toLowerCase().replaceAll(/\d+/g, (number) => number.padStart(DIGITS, "0"))}\u0000${name}` : null;
    keys.set(name, key);
  }
  return key;
}

function collatorOf(language: string): Intl.Collator {
  let collator = collators.get(language);
  if (collator === undefined) {
    collator = new Intl.Collator(language, { numeric: true });
    collators.set(language, collator);
  }
  return collator;
}

/** The rows in the order of their names. */
export function inOrder<T>(rows: readonly T[], name: (row: T) => string, language: string): T[] {
  const keyed = rows.map((row) => {
    const text = name(row);
    return { row, text, key: keyOf(text) };
  });
  const collator = collatorOf(language);
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return collator.compare(a.text, b.text);
    return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
  });
  return keyed.map(({ row }) => row);
}
