// What a page shows — a filter, an order, a range — stands in its address: it can be sent to somebody,
// and is there again after a reload.
import { useCallback, useState } from "react";
import { useLocation } from "react-router";

function asked(name: string): string | null {
  return new URLSearchParams(window.location.search).get(name);
}

/** A value of the address; `initial` is not written there. Nothing else of the page is drawn again for it. */
export function useParam<T extends string>(name: string, initial: T): [value: T, set: (value: T) => void] {
  const { key } = useLocation();
  const [state, setState] = useState(() => ({ key, value: (asked(name) ?? initial) as T }));
  // A link to the same page with another value.
  if (state.key !== key) setState({ key, value: (asked(name) ?? initial) as T });
  const set = useCallback(
    (value: T) => {
      setState({ key, value });
      const url = new URL(window.location.href);
      if (value === initial) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
      // By the router every key that is typed would draw the whole page.
      window.history.replaceState(window.history.state, "", url);
    },
    [key, name, initial],
  );
  return [state.value, set];
}

/** One of several values; what the address says besides is the first. */
export function useChoice<T extends string>(name: string, choices: readonly [T, ...T[]]): [value: T, set: (value: T) => void] {
  const [value, set] = useParam<T>(name, choices[0]);
  return [choices.includes(value) ? value : choices[0], set];
}
