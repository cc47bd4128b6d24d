// Writes `<asset>.br` beside each asset that compresses, so that the daemon never has to.
import { promises as fs } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(js|css|html|svg|json|txt|ftl)$/;
const BYTES_MIN = 1024;

async function files(directory: string): Promise<string[]> {
  const entries = await fs.readdir(directory, { withFileTypes: true, recursive: true });
  return entries.filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));
}

export function compressAssets(): Plugin {
  let out = "";
  return {
    name: "haven-compress-assets",
    apply: "build",
    configResolved(config) {
      out = path.resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      for (const file of await files(out)) {
        const bytes = await fs.readFile(file);
        if (!COMPRESSIBLE.test(file) || bytes.length < BYTES_MIN) continue;
        const packed = brotliCompressSync(bytes, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
        });
        await fs.writeFile(`${file}.br`, packed);
      }
    },
  };
}
