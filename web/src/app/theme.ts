// Light or dark. public/theme.js applies the same choice before the first paint.
import { useSyncExternalStore } from "react";

const KEY = "haven.theme";
const CLASS = "pf-v6-theme-dark";
const listeners = new Set<() => void>();

export type Theme = "light" | "dark";

function read(): Theme {
  return document.documentElement.classList.contains(CLASS) ? "dark" : "light";
}

export function setTheme(theme: Theme): void {
  document.documentElement.classList.toggle(CLASS, theme === "dark");
  localStorage.setItem(KEY, theme);
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, read);
}
