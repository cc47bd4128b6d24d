// Texts, numbers and times in the language of the person.
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from "react";
import { makeFormat, type Format } from "./format";
import { type Language, loadTexts, preferredLanguage, rememberLanguage, type Texts } from "./language";
import { knownZone, preferredZone, rememberZone } from "./preferred";

export interface I18n extends Texts, Format {
  setLanguage(language: Language): void;
  /** The time zone of all times that are shown; empty: the browser's. */
  chosenZone: string;
  setTimeZone(zone: string): void;
}

const Context = createContext<I18n | null>(null);

/** Texts and formats; renders again when the person chooses another language. */
export function useI18n(): I18n {
  const found = use(Context);
  if (found === null) throw new Error("used outside of I18nProvider");
  return found;
}

/** Only the function that finds texts. */
export function useT(): Texts["t"] {
  return useI18n().t;
}

export function I18nProvider({ initial, children }: { initial: Texts; children: ReactNode }): ReactNode {
  const [texts, setTexts] = useState(initial);
  const [chosenZone, setZone] = useState(preferredZone);
  useEffect(() => {
    document.documentElement.lang = texts.language;
  }, [texts]);
  const setLanguage = useCallback((language: Language) => {
    rememberLanguage(language);
    void loadTexts(language).then(setTexts);
  }, []);
  const setTimeZone = useCallback((zone: string) => {
    const known = knownZone(zone);
    rememberZone(known);
    setZone(known);
  }, []);
  const value = useMemo(
    () => ({ ...texts, ...makeFormat(texts, chosenZone), setLanguage, chosenZone, setTimeZone }),
    [texts, chosenZone, setLanguage, setTimeZone],
  );
  return <Context value={value}>{children}</Context>;
}

export const loadPreferred = (): Promise<Texts> => loadTexts(preferredLanguage());
