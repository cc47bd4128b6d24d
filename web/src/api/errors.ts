// Errors as the pool words them: a code of the catalogue and its parameters.

/** An error of the pool. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly params: readonly string[] = [],
  ) {
    super([code, ...params].join(", "));
    this.name = "ApiError";
  }
}

/** No host answers: the network is away, or the pool is choosing a coordinator. */
export class Unreachable extends Error {
  constructor(readonly detail: string) {
    super(detail);
    this.name = "Unreachable";
  }
}

/** Codes that pass by themselves: the pool has no coordinator right now. */
const PASSING: ReadonlySet<string> = new Set(["HOST_STILL_BOOTING", "HOST_IS_SLAVE"]);

/** Whether waiting a moment is all that is needed. */
export function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof ApiError && PASSING.has(error.code));
}

/** What the demo answers to whatever would change something. */
export const DEMO_CODE = "DEMO";
