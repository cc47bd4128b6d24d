// The work of a dialog.
import { useState } from "react";

/** Runs something that takes its time: whether it runs, and what went wrong. */
export function useWork(close: () => void): { busy: boolean; error: unknown; run: (work: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = (work: () => Promise<void>): void => {
    setBusy(true);
    setError(null);
    work()
      .then(close)
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return { busy, error, run };
}
