// The hosts that were looked at on this visit: what was found, and whether they have joined. The page of one and
// the table of all read the same.
import { createContext, use } from "react";
import type { AddedHost, CheckedHost } from "@/api/haven";

export interface Trial {
  fingerprint: string;
  code: string;
  found?: CheckedHost;
  joined?: AddedHost;
  /** Why it did not join. */
  error?: unknown;
}

export interface Trials {
  /** By the address that was asked. */
  all: ReadonlyMap<string, Trial>;
  set: (address: string, trial: Trial) => void;
}

export const TrialsContext = createContext<Trials>({ all: new Map(), set: () => undefined });

export function useTrials(): Trials {
  return use(TrialsContext);
}
