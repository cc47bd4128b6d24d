// A form that is sent once at a time, and says what went wrong.
import { type FormEvent, useState } from "react";

export interface Submit {
  /** It is being sent; stays so when it has worked, for the page changes then. */
  busy: boolean;
  /** Why the last try failed; `null`: it did not. */
  error: unknown;
  onSubmit: (event: FormEvent) => void;
}

/** `work` is done when the form is sent, if it is `ready` and not on its way already. */
export function useSubmit(work: () => Promise<void>, ready = true): Submit {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (): Promise<void> => {
    if (!ready || busy) return;
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return {
    busy,
    error,
    onSubmit: (event) => {
      event.preventDefault();
      void submit();
    },
  };
}
