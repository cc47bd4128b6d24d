// What firmware tries in turn, in words.
import { useCallback } from "react";
import { useI18n } from "@/i18n";

/** Orders that people choose from, as `HVM_boot_params` has them: c disk, d CD, n network. */
export const BOOT_ORDERS: readonly string[] = ["cd", "dc", "ncd", "cdn", "c", "n"];
/** What holds when nothing is set (crates/daemon/src/ops/spec.rs). */
export const BOOT_DEFAULT = "cd";

const WORDS: Record<string, string> = { c: "boot-disk", d: "boot-cd", n: "boot-network" };

/** `cd`: "disk, CD". */
export function useBootWord(): (order: string) => string {
  const { t } = useI18n();
  return useCallback((order) => Array.from(order === "" ? BOOT_DEFAULT : order).flatMap((letter) => (WORDS[letter] === undefined ? [] : [t(WORDS[letter])])).join(", "), [t]);
}
