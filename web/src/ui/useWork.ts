// Work that takes its time: of a dialog, or of a row.
import { useState } from "react";

/** Runs something that takes its time: whether it runs, and what went wrong. `after` hears that it worked. */
export function useWork(after: () => void = () => undefined): { busy: boolean; error: unknown; run: (work: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = (work: () => Promise<void>): void => {
    setBusy(true);
    setError(null);
    work()
      .then(after)
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return { busy, error, run };
}
