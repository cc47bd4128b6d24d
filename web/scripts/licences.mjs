// Every package that the console is made of or built with has a licence that this project can keep.
import { readFileSync } from "node:fs";

const PERMISSIVE = new Set(["MIT", "MIT-0", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "CC0-1.0", "Python-2.0"]);
// File-level copyleft, unchanged and with its notice: noVNC is loaded as a part of its own, the
// others are tools that never reach a browser.
const MPL = /^node_modules\/(@novnc\/novnc|axe-core|lightningcss(-.*)?)$/;

const lock = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const bad = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === "") continue;
  if (entry.resolved !== undefined) bad.push(`${path}: names where it was fetched (${entry.resolved})`);
  const fine = PERMISSIVE.has(entry.license) || (entry.license === "MPL-2.0" && MPL.test(path));
  if (!fine) bad.push(`${path}: licence ${entry.license ?? "unknown"}`);
}
if (bad.length > 0) {
  console.error(bad.join("\n"));
  process.exit(1);
}
