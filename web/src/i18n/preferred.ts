// Which language the page speaks, and where its texts lie. Nothing else is imported here: the texts
// are fetched while the program itself is still on its way (src/early.ts).
export const LANGUAGES = ["en", "es", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];
/** Names of the languages in themselves. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", es: "Español", "zh-CN": "简体中文" };

const KEY = "haven.language";

interface Files {
  default: { texts: string[]; errors: unknown };
}

/** The files of a language; fetched once, however often they are asked for. */
export function fetchTexts(language: Language): Promise<Files> {
  switch (language) {
    case "es":
      return import("./lang/es");
    case "zh-CN":
      return import("./lang/zh-CN");
    default:
      return import("./lang/en");
  }
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

/** The time zone of this browser. */
export const OWN_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONE_KEY = "haven.time-zone";

/** The time zone as this browser knows it; empty if it knows none of that name. */
export function knownZone(zone: string): string {
  try {
    // A name that it does not know is an error.
    return zone === "" || new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone !== "" ? zone : "";
  } catch {
    return "";
  }
}

/** The time zone that the person chose; empty: that of the browser, whichever it is. */
export function preferredZone(): string {
  return knownZone(localStorage.getItem(ZONE_KEY) ?? "");
}

export function rememberZone(zone: string): void {
  if (zone === "") localStorage.removeItem(ZONE_KEY);
  else localStorage.setItem(ZONE_KEY, zone);
}
