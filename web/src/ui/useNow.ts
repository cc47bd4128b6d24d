// The time, for texts that say how long ago something was.
import { useEffect, useState } from "react";

const TICK_MS = 10_000;

/** Milliseconds since 1970; a new value every ten seconds. */
export function useNow(tickMs = TICK_MS): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, [tickMs]);
  return now;
}
