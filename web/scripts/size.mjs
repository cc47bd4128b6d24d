// Says what the first load costs: everything that index.html asks for, and one language, compressed.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const site = fileURLToPath(new URL("../dist/site/", import.meta.url));
const html = readFileSync(`${site}index.html`, "utf8");
const named = [...html.matchAll(/(?:src|href)="\/ui\/([^"]+)"/g)].map((match) => match[1]);
const language = readdirSync(`${site}assets`).filter((name) => /^(en|es|zh-CN)-.*\.js$/.test(name)).map((name) => `assets/${name}`);
const size = (name) => statSync(existsSync(`${site}${name}.br`) ? `${site}${name}.br` : `${site}${name}`).size;
const largest = Math.max(...language.map(size));
const total = named.reduce((sum, name) => sum + size(name), 0) + largest;
const scripts = named.filter((name) => name.endsWith(".js")).reduce((sum, name) => sum + size(name), 0) + largest;
console.log(`figure js_first_load_kib ${(scripts / 1024).toFixed(0)} KiB`);
console.log(`figure first_load_kib ${(total / 1024).toFixed(0)} KiB`);
