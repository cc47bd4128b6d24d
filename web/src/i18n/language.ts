// Which language the page speaks, and its texts.
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { fetchTexts, type Language } from "./preferred";

export { LANGUAGE_NAMES, type Language, LANGUAGES, languageOfTag, preferredLanguage, rememberLanguage } from "./preferred";

/** The error catalogue in one language: what happened, why, what to do. */
export type ErrorTexts = Record<string, { text: string; params: string[] } | undefined>;
export type Args = Record<string, FluentVariable>;

/** A language with everything that it says. */
export interface Texts {
  readonly language: Language;
  readonly errors: ErrorTexts;
  /** The text of a message; the identity itself if there is none, which a test forbids. */
  t(id: string, args?: Args): string;
  has(id: string): boolean;
  /** Identities of the messages that begin so, in the order of the catalogue. */
  ids(prefix: string): string[];
}

/** Makes the texts of a language from the content of its files. */
export function makeTexts(language: Language, files: readonly string[], errors: ErrorTexts): Texts {
  // Isolation marks are for mixed writing directions, which none of our languages has.
  const bundle = new FluentBundle(language, { useIsolating: false });
  for (const file of files) bundle.addResource(new FluentResource(file));
  return {
    language,
    errors,
    has: (id) => bundle.hasMessage(id),
    ids: (prefix) => files.flatMap((file) => Array.from(file.matchAll(/^([a-zA-Z][\w-]*) =/gm), (match) => match[1] ?? "")).filter((id) => id.startsWith(prefix)),
    t(id, args) {
      const pattern = bundle.getMessage(id)?.value;
      if (pattern === undefined || pattern === null) return id;
      return bundle.formatPattern(pattern, args ?? null, []);
    },
  };
}

/** The sentence of data that says itself in every language, `{"text": {"en": …}}`; empty if it does not. */
export function saidIn(data: unknown, language: Language): string {
  if (typeof data !== "object" || data === null || !("text" in data)) return "";
  const text = data.text;
  if (typeof text !== "object" || text === null) return "";
  const said = text as Record<string, unknown>;
  const found = said[language] ?? said["en"];
  return typeof found === "string" ? found : "";
}

/** The same for data that is still a text; `undefined`: it is something else. */
export function saidBy(text: string, language: Language): string | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const said = saidIn(JSON.parse(text) as unknown, language);
    return said === "" ? undefined : said;
  } catch {
    return undefined;
  }
}

export async function loadTexts(language: Language): Promise<Texts> {
  const { default: loaded } = await fetchTexts(language);
  return makeTexts(language, loaded.texts, loaded.errors as ErrorTexts);
}
