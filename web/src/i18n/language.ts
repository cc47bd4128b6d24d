// Which language the page speaks, and its texts.
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";

export const LANGUAGES = ["en", "es", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];
/** Names of the languages in themselves. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", es: "Español", "zh-CN": "简体中文" };

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
}

const KEY = "haven.language";

const loaders: Record<Language, () => Promise<{ default: { texts: string[]; errors: unknown } }>> = {
  en: () => import("./lang/en"),
  es: () => import("./lang/es"),
  "zh-CN": () => import("./lang/zh-CN"),
};

/** Makes the texts of a language from the content of its files. */
export function makeTexts(language: Language, files: readonly string[], errors: ErrorTexts): Texts {
  // Isolation marks are for mixed writing directions, which none of our languages has.
  const bundle = new FluentBundle(language, { useIsolating: false });
  for (const file of files) bundle.addResource(new FluentResource(file));
  return {
    language,
    errors,
    has: (id) => bundle.hasMessage(id),
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
  const { default: loaded } = await loaders[language]();
  return makeTexts(language, loaded.texts, loaded.errors as ErrorTexts);
}

/** The language of a tag such as `es-MX` or `zh-Hans`. */
export function languageOfTag(tag: string): Language | undefined {
  const primary = tag.toLowerCase().split(/[-_]/)[0];
  return primary === "zh" ? "zh-CN" : primary === "es" ? "es" : primary === "en" ? "en" : undefined;
}

/** What the person chose, else what the browser asks for. */
export function preferredLanguage(): Language {
  const chosen = localStorage.getItem(KEY);
  const wanted = chosen === null ? navigator.languages : [chosen];
  for (const tag of wanted) {
    const language = languageOfTag(tag);
    if (language !== undefined) return language;
  }
  return "en";
}

export function rememberLanguage(language: Language): void {
  localStorage.setItem(KEY, language);
}
