// Texts for guests become keys of the guest's own keyboard.
import { expect, test } from "vitest";
import { KEY_MENU, LAYOUTS, strokes } from "@/screens/vm/keys";

const codes = (text: string, layout: "us" | "es" | "de"): string[] => strokes(text, layout).strokes.map((stroke) => stroke.map(({ code }) => code).join("+"));

test("every layout has a key for every character of a command line", () => {
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
  for (const layout of LAYOUTS) expect(strokes(ascii, layout).missing, layout).toEqual([]);
});

test("capitals and signs are typed with the keys that the layout wants", () => {
  expect(codes("aB/\n", "us")).toEqual(["KeyA", "ShiftLeft+KeyB", "Slash", "Enter"]);
  expect(codes("/@ñ", "es")).toEqual(["ShiftLeft+Digit7", "AltRight+Digit2", "Semicolon"]);
  expect(codes("yz", "de")).toEqual(["KeyZ", "KeyY"]);
});

test("an accent is a dead key and its letter", () => {
  expect(codes("á", "es")).toEqual(["Quote", "KeyA"]);
  expect(codes("Ü", "es")).toEqual(["ShiftLeft+Quote", "ShiftLeft+KeyU"]);
  expect(codes("~", "de")).toEqual(["AltRight+BracketRight"]);
});

test("what no key gives is said, and the rest is typed", () => {
  expect(strokes("a系b", "us")).toMatchObject({ missing: ["系"] });
  expect(codes("a系b", "us")).toEqual(["KeyA", "KeyB"]);
});

test("the menu has the function keys and no key twice", () => {
  const names = KEY_MENU.flatMap(({ entries }) => entries.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(["Ctrl-Alt-Del", "F1", "F12", "Ctrl-Alt-F7"]));
});
