// A pool to look at for those who have none yet: the one that the tests use. It can be looked at, not changed.
// Loaded when somebody asks for it, and by nobody else.
import { DEMO_CODE } from "@/api/errors";
import { mockFetch } from "./fetch";
import { MOCK_PASSWORD, MockServer } from "./server";

/** Questions: what these do is nothing. */
const ASKS = /^(event\.from|[A-Za-z_]+\.(get_|assert_|ha_compute_|ha_failover_plan_exists|query_))/;
const ASKED_BY_POST = new Set(["/ui/haven/ha/what-if", "/ui/haven/ha/explain"]);

function changes(method: string, path: string, body: unknown): boolean {
  if (method === "GET" || ASKED_BY_POST.has(path)) return false;
  return path !== "/ui/rpc" || !ASKS.test(String((body as { method?: string }).method));
}

/** What answers the page from now on. */
export async function demoTransport(): Promise<typeof fetch> {
  const server = new MockServer({ hosts: 4, vms: 40, isArmed: true });
  await server.answer("POST", "/ui/session", { user: "root", password: MOCK_PASSWORD });
  const answer = mockFetch(server);
  return async (input, init) => {
    const path = String(input).split("?")[0] ?? "";
    const body: unknown = typeof init?.body === "string" ? JSON.parse(init.body) : {};
    if (!changes(init?.method ?? "GET", path, body)) return answer(input, init);
    return new Response(JSON.stringify({ error: { code: 1, message: DEMO_CODE, data: [] } }), { status: 200 });
  };
}
