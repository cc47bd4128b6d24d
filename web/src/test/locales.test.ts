// Every language says everything, and says what the console asks for.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { LANGUAGES } from "@/i18n/language";

const root = path.resolve(__dirname, "../../..");

function texts(language: string): string {
  const directory = path.join(root, "locales", language, "web");
  return readdirSync(directory).map((name) => readFileSync(path.join(directory, name), "utf8")).join("\n");
}

function ids(text: string): Set<string> {
  return new Set(Array.from(text.matchAll(/^([a-zA-Z][\w-]*) =/gm), (match) => match[1] ?? ""));
}

/** The arguments that each message uses. */
function arguments_(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(/^(?=[a-zA-Z][\w-]* =)/m)) {
    const id = /^([a-zA-Z][\w-]*) =/.exec(part)?.[1];
    if (id === undefined) continue;
    found.set(id, [...new Set(Array.from(part.matchAll(/\{\s*\$(\w+)/g), (match) => match[1]))].sort().join(","));
  }
  return found;
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.includes(".test.") && !entry.parentPath.includes("generated"))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"));
}

test("no message is declared twice", () => {
  for (const language of LANGUAGES) {
    const all = Array.from(texts(language).matchAll(/^([a-zA-Z][\w-]*) =/gm), (match) => match[1]);
    expect(all.filter((id, index) => all.indexOf(id) !== index)).toEqual([]);
  }
});

/** The same in English, and something else in other languages, or of something else. */
const ALIKE = new Set([
  "Check", "Clear", "Copy", "Delete", "Done", "File", "Go on", "Good", "Haven", "Move", "New", "Pool", "Protected", "Running", "Sent", "Size", "Storage", "Used", "Whole time",
]);

test("what means the same is written once, and referred to", () => {
  // Alerts are the command line's as well, which reads no other file.
  const directory = path.join(root, "locales/en/web");
  const english = readdirSync(directory).filter((name) => name !== "alerts.ftl").map((name) => readFileSync(path.join(directory, name), "utf8")).join("\n");
  const [seen, twice] = [new Map<string, string>(), new Map<string, string>()];
  for (const [, id = "", text = ""] of english.matchAll(/^([a-zA-Z][\w-]*) = (.+)$/gm)) {
    if (/^\{ [\w-]+ \}$/.test(text) || text.endsWith("->") || ALIKE.has(text)) continue;
    const first = seen.get(text);
    if (first === undefined) seen.set(text, id);
    else twice.set(id, first);
  }
  expect([...twice]).toEqual([]);
});

test.each(LANGUAGES)("%s refers to what is there", (language) => {
  const known = texts(language);
  const links = new Map(Array.from(known.matchAll(/^([a-zA-Z][\w-]*) = \{ ([a-z][\w-]*) \}$/gm), (match) => [match[1] ?? "", match[2] ?? ""] as const));
  expect(links.size).toBeGreaterThan(50);
  // One step: no text is looked for in circles.
  for (const [id, to] of links) expect([ids(known).has(to), links.has(to)], id).toEqual([true, false]);
});

test.each(LANGUAGES.filter((language) => language !== "en"))("%s says what English says", (language) => {
  const english = ids(texts("en"));
  const other = ids(texts(language));
  expect([...english].filter((id) => !other.has(id))).toEqual([]);
  expect([...other].filter((id) => !english.has(id))).toEqual([]);
});

test.each(LANGUAGES)("%s uses the arguments that English has", (language) => {
  const english = arguments_(texts("en"));
  for (const [id, used] of arguments_(texts(language))) {
    const allowed = (english.get(id) ?? "").split(",");
    expect(used.split(",").filter((name) => name !== "" && !allowed.includes(name)), id).toEqual([]);
  }
});

test("what the console says is in the catalogue", () => {
  const known = ids(texts("en"));
  const used = sources(path.join(root, "web/src")).flatMap((source) => [
    ...Array.from(source.matchAll(/\bt\(\s*"([a-z][\w-]*)"/g), (match) => match[1] ?? ""),
    ...Array.from(source.matchAll(/\b(?:label|title|body|why|confirmText|finish)[:=]\s*"([a-z][\w-]*)"/g), (match) => match[1] ?? ""),
  ]);
  expect(used.length).toBeGreaterThan(100);
  expect([...new Set(used)].filter((id) => !known.has(id))).toEqual([]);
});
