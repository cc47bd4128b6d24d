// The mock pool behind a development server, so that `npm run dev` needs no pool.
// HAVEN_MOCK_HOSTS, HAVEN_MOCK_VMS, HAVEN_MOCK_ARMED=1, HAVEN_MOCK_FRESH=1, HAVEN_MOCK_LIVE=<changes a second>.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { joinHost } from "./data";
import { type MockAnswer, MockServer } from "./server";
import { openConsole } from "./socket";

type Next = () => void;
/** The part of an HTTP server that is needed here. */
interface Upgradable {
  on(event: "upgrade", listener: (request: IncomingMessage, stream: Duplex) => void): unknown;
}

/** Takes the requests of the page; consoles are opened on `http`, where there is one. */
export function middleware(env: Record<string, string | undefined>, http?: Upgradable | null) {
  const number = (name: string, otherwise: number): number => Number(env[name] ?? otherwise);
  const server = new MockServer({
    hosts: number("HAVEN_MOCK_HOSTS", 3),
    vms: number("HAVEN_MOCK_VMS", 24),
    isArmed: env["HAVEN_MOCK_ARMED"] === "1",
    isFresh: env["HAVEN_MOCK_FRESH"] === "1",
  });
  http?.on("upgrade", (request, stream) => {
    const [path, query] = (request.url ?? "").split("?");
    if (path !== "/ui/console") return;
    const host = server.pool.tables.all("host").find(([, each]) => each.uuid === new URLSearchParams(query).get("host"));
    if (host !== undefined) {
      openConsole(request, stream, "vt100", `\r\n${host[1].name_label} login: `);
      return;
    }
    const row = server.pool.tables.get("console", new URLSearchParams(query).get("ref") ?? "");
    if (row === undefined) stream.destroy();
    else openConsole(request, stream, row.protocol);
  });
  const live = number("HAVEN_MOCK_LIVE", 0);
  if (live > 0) churn(server, live);
  return (request: IncomingMessage, response: ServerResponse, next: Next): void => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (!/^\/ui\/(rpc|session|haven\/|setup\/|rrd_updates|vncsnapshot|import|export|mock)/.test(path)) {
      next();
      return;
    }
    void serve(server, path, request, response);
  };
}

async function serve(server: MockServer, path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  // Tests change the pool from outside, as a host that fails does.
  const answer: MockAnswer = path === "/ui/mock" ? change(server, JSON.parse(text)) : await server.answer(request.method ?? "GET", request.url ?? path, text === "" || path.startsWith("/ui/import") ? undefined : JSON.parse(text));
  const { status, body, picture } = answer;
  response.writeHead(status, { "Content-Type": picture === undefined ? "application/json" : "image/svg+xml", "X-Haven-Coordinator": server.coordinator });
  response.end(picture ?? JSON.stringify(body));
}

type Change = { reset: true } | { class: string; ref: string; change: object } | { expire: true } | { addHost: number } | { addStorage: string } | { away: boolean } | { class: string; ref: string; isGone: true };

function change(server: MockServer, asked: Change): { status: number; body: unknown } {
  if ("reset" in asked) server.reset();
  else if ("expire" in asked) server.expire();
  else if ("addHost" in asked) joinHost(server.pool.tables, asked.addHost);
  else if ("addStorage" in asked) server.pool.call("SR.create", [server.pool.tables.all("host")[0]?.[0], {}, "0", asked.addStorage, "", "nfs", "user", true, {}]);
  else if ("away" in asked) server.isAway = asked.away;
  else if ("isGone" in asked) {
    server.pool.tables.remove(asked.class as "VM", asked.ref);
    // So long ago that no event says so any more.
    server.pool.tables.forgetDeletions();
  } else server.pool.tables.update(asked.class as "VM", asked.ref, asked.change);
  return { status: 200, body: Date.now() };
}

/** Changes rows all the time, for measurements. */
function churn(server: MockServer, perSecond: number): void {
  let at = 0;
  setInterval(() => {
    const all = server.pool.tables.all("VM");
    for (let step = 0; step < Math.max(1, perSecond / 10); step += 1) {
      at = (at + 1) % all.length;
      const entry = all[at];
      if (entry !== undefined) server.pool.tables.update("VM", entry[0], { name_description: `change ${Date.now()}` });
    }
  }, 100).unref();
}
