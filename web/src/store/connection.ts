// Whether the page hears the pool.
import { useSyncExternalStore } from "react";

export type Connection =
  /** Not begun, or the first answer is on its way. */
  | { state: "starting" }
  /** What is shown is what is. */
  | { state: "live" }
  /** The pool does not answer; what is shown is as old as `since` (milliseconds since 1970). */
  | { state: "away"; since: number; why: string }
  /** The session has ended; the page stays, and asks for the password. */
  | { state: "signed-out" };

let current: Connection = { state: "starting" };
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  // While it stays away the time counts from the first failure.
  if (next.state === "away" && current.state === "away") next = { ...next, since: current.since };
  if (next.state === current.state && next.state !== "away") return;
  current = next;
  for (const listener of listeners) listener();
}

export function getConnection(): Connection {
  return current;
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
