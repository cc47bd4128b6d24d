import { createServer as createHttpServer } from "node:http";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { type Connect, defineConfig, type Plugin } from "vite";
import { compressAssets } from "./scripts/compress.ts";

const root = fileURLToPath(new URL(".", import.meta.url));

/** Where `npm run dev` takes its data from: a pool (`HAVEN_SERVER=https://host`), else the mock. */
const server = process.env["HAVEN_SERVER"];

/** The policy under which the daemon serves the page (crates/daemon/src/http/web/assets.rs). */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
  "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Puts what is asked early (src/early.ts) in front of everything else of the page. */
function early(): Plugin {
  return {
    name: "haven-early",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const entry = Object.values(bundle ?? {}).find((each) => each.type === "chunk" && each.isEntry && each.name === "early");
        if (entry === undefined) throw new Error("early.ts is not in the build");
        return [{ tag: "script", attrs: { type: "module", async: true, crossorigin: true, fetchpriority: "high", src: `/ui/${entry.fileName}` }, injectTo: "head-prepend" }];
      },
    },
  };
}

/** Serves the mock pool from the development server. */
function mockPool(): Plugin {
  return {
    name: "haven-mock-pool",
    async configureServer(dev) {
      if (server !== undefined) return;
      const module = await dev.ssrLoadModule("/src/mock/middleware.ts");
      dev.middlewares.use(module["middleware"](process.env, dev.httpServer));
    },
    async configurePreviewServer(preview) {
      if (server !== undefined) return;
      preview.middlewares.use((_request, response, next) => {
        response.setHeader("Content-Security-Policy", POLICY);
        next();
      });
      const { createServer } = await import("vite");
      const loader = await createServer({ root, server: { middlewareMode: true, hmr: false, ws: false }, appType: "custom" });
      const module = await loader.ssrLoadModule("/src/mock/middleware.ts");
      // Further pools on ports of their own: `4174 4175:fresh`. The port that was asked says which pool answers.
      const pools = new Map<number | undefined, Connect.NextHandleFunction>();
      for (const word of process.env["HAVEN_MOCK_MORE"]?.split(" ") ?? []) {
        const [port, kind] = word.split(":");
        const http = createHttpServer(preview.middlewares);
        pools.set(Number(port), module["middleware"](kind === "fresh" ? { HAVEN_MOCK_FRESH: "1" } : process.env, http));
        http.listen(Number(port), "127.0.0.1");
      }
      const own: Connect.NextHandleFunction = module["middleware"](process.env, preview.httpServer);
      preview.middlewares.use((request, response, next) => (pools.get(request.socket.localPort) ?? own)(request, response, next));
    },
  };
}

const routes = ["/ui/rpc", "/ui/session", "/ui/haven", "/ui/setup", "/ui/console", "/ui/rrd_updates", "/ui/vncsnapshot"];

export default defineConfig({
  root,
  base: "/ui/",
  plugins: [react(), mockPool(), early(), compressAssets()],
  resolve: { alias: { "@": `${root}src` } },
  build: {
    outDir: "dist/site",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: `${root}index.html`, early: `${root}src/early.ts` },
      output: {
        // Three files for the first load, not forty: what is asked early, what changes seldom, the console.
        // Whatever is loaded later stays by itself.
        codeSplitting: {
          groups: [
            { name: "first", test: /\/src\/(early|store\/early|store\/classes|api\/|i18n\/preferred)/, priority: 3 },
            { name: "libraries", test: /node_modules/, tags: ["$initial"], priority: 2 },
            { name: "console", tags: ["$initial"], priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    fs: { allow: [".."] },
    ...(server === undefined
      ? {}
      : {
          proxy: Object.fromEntries(
            routes.map((route) => [
              route,
              { target: server, secure: false, ws: true, changeOrigin: true, headers: { origin: server } },
            ]),
          ),
        }),
  },
});
