import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { compressAssets } from "./scripts/compress.ts";

const root = fileURLToPath(new URL(".", import.meta.url));

/** Where `npm run dev` takes its data from: a pool (`HAVEN_SERVER=https://host`), else the mock. */
const server = process.env["HAVEN_SERVER"];

/** The policy under which the daemon serves the page (crates/daemon/src/http/web/assets.rs). */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
  "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

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
      preview.middlewares.use(module["middleware"](process.env, preview.httpServer));
    },
  };
}

const routes = ["/ui/rpc", "/ui/session", "/ui/haven", "/ui/setup", "/ui/console", "/ui/rrd_updates", "/ui/vncsnapshot"];

export default defineConfig({
  root,
  base: "/ui/",
  plugins: [react(), mockPool(), compressAssets()],
  resolve: { alias: { "@": `${root}src` } },
  build: {
    outDir: "dist/site",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        // Libraries change seldom: a new version of Haven need not load them again.
        manualChunks(id) {
          if (!id.includes("node_modules")) return undefined;
          if (/node_modules\/(@novnc|@xterm|uplot)/.test(id)) return undefined;
          if (id.includes("@patternfly")) return undefined;
          return "libraries";
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
