// The console as it lies on disk in place of the one that havend embeds, under the same policy: to
// try a change without building the daemon. HAVEN_SITE=dist/site
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { BrowserContext } from "@playwright/test";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const API = /^\/ui\/(rpc|session|haven\/|setup|console|rrd_updates|vm_rrd|host_rrd|vncsnapshot)/;

export async function serveFromDisk(context: BrowserContext, host: string): Promise<void> {
  const site = process.env["HAVEN_SITE"];
  if (site === undefined) return;
  const policy = (await context.request.get(`${host}/ui/`)).headers()["content-security-policy"] ?? "";
  await context.route(/\/ui\//, async (route) => {
    const name = new URL(route.request().url()).pathname;
    if (API.test(name)) return route.fallback();
    const wanted = path.join(site, name.slice("/ui/".length));
    const file = path.extname(wanted) !== "" && existsSync(wanted) ? wanted : path.join(site, "index.html");
    return route.fulfill({ body: readFileSync(file), contentType: TYPES[path.extname(file)] ?? "application/octet-stream", headers: { "content-security-policy": policy } });
  });
}
