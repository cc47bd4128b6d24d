// Copies what the server's declarations say (types, error texts) to where the page reads it.
// Run by `npm run generate`, after `cargo run -p xtask -- reference`.
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const from = fileURLToPath(new URL("../../target/reference/", import.meta.url));
const to = fileURLToPath(new URL("../src/generated/", import.meta.url));
mkdirSync(to, { recursive: true });
for (const name of ["xenapi.ts", "errors.en.json", "errors.es.json", "errors.zh-CN.json"]) {
  // An unchanged file keeps its time, so that the build after it has nothing to do.
  try {
    if (readFileSync(from + name).equals(readFileSync(to + name))) continue;
  } catch {
    // Not there yet.
  }
  copyFileSync(from + name, to + name);
}
