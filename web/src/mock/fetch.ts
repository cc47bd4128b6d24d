// The mock pool in place of the network, for component tests.
import type { MockServer } from "./server";

export function mockFetch(server: MockServer): typeof fetch {
  return async (input, init) => {
    const path = String(input);
    const body = typeof init?.body === "string" ? JSON.parse(init.body) : undefined;
    const aborted = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
    const { status, body: answer, picture } = await Promise.race([server.answer(init?.method ?? "GET", path, body), aborted]);
    if (picture !== undefined) return new Response(picture, { status, headers: { "content-type": "image/svg+xml" } });
    return new Response(JSON.stringify(answer), { status, headers: { "x-haven-coordinator": server.coordinator } });
  };
}
