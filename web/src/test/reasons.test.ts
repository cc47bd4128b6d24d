// What cannot be pressed says why: no part of the console greys a button out by itself.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(__dirname, "..");
/** The one button that knows a reason. */
const KNOWN = ["ui/Act.tsx"];

test("buttons are disabled by their reason alone", () => {
  const files = readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile() && entry.name.endsWith(".tsx"));
  const guilty = files
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !KNOWN.some((known) => path.relative(root, file).startsWith(known)))
    .filter((file) => /<(Button|MenuToggle)\b[^>]*\b(isDisabled|isAriaDisabled|disabled)\b/.test(readFileSync(file, "utf8").replaceAll("=>", "")));
  expect(guilty.map((file) => path.relative(root, file))).toEqual([]);
});
