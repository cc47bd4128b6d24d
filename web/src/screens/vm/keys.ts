// Keys for a guest: the combinations of the menu, and how a text is typed on a keyboard of its layout.

/** A key as the guest gets it: its meaning, and where it is on the keyboard. */
interface Key {
  keysym: number;
  /** `KeyboardEvent.code` of the place. */
  code: string;
}

const key = (keysym: number, code: string): Key => ({ keysym, code });

const CTRL = key(0xffe3, "ControlLeft");
const ALT = key(0xffe9, "AltLeft");
const SHIFT = key(0xffe1, "ShiftLeft");
const ALTGR = key(0xfe03, "AltRight");
const SUPER = key(0xffeb, "MetaLeft");
const TAB = key(0xff09, "Tab");
const ESCAPE = key(0xff1b, "Escape");
const DELETE = key(0xffff, "Delete");
const BACKSPACE = key(0xff08, "Backspace");
const RETURN = key(0xff0d, "Enter");
const PRINT = key(0xff61, "PrintScreen");
const SYSRQ = key(0xff15, "PrintScreen");
const letter = (name: string): Key => key(name.charCodeAt(0), `Key${name.toUpperCase()}`);
const functionKey = (number: number): Key => key(0xffbd + number, `F${number}`);

/** What the key menu sends: pressed in this order, let go in the other. */
interface Combination {
  /** As it stands on keyboards; the same in every language but for what they call the keys. */
  name: string;
  keys: readonly Key[];
}

const one = (name: string, ...keys: Key[]): Combination => ({ name, keys });
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

export const CTRL_ALT_DEL = one("Ctrl-Alt-Del", CTRL, ALT, DELETE);

/** Groups of the menu. */
export const KEY_MENU: ReadonlyArray<{ id: string; entries: readonly Combination[] }> = [
  {
    id: "keys-system",
    entries: [
      CTRL_ALT_DEL,
      one("Ctrl-Alt-Backspace", CTRL, ALT, BACKSPACE),
      one("Ctrl-C", CTRL, letter("c")),
      one("Ctrl-D", CTRL, letter("d")),
      one("Ctrl-Z", CTRL, letter("z")),
      one("Alt-Tab", ALT, TAB),
      one("Alt-F4", ALT, functionKey(4)),
      one("Win", SUPER),
      one("Win-L", SUPER, letter("l")),
      one("Win-R", SUPER, letter("r")),
      one("Esc", ESCAPE),
      one("Tab", TAB),
      one("Print", PRINT),
      one("Alt-SysRq-S", ALT, SYSRQ, letter("s")),
    ],
  },
  { id: "keys-function", entries: numbers(1, 12).map((number) => one(`F${number}`, functionKey(number))) },
  { id: "keys-terminal", entries: numbers(1, 7).map((number) => one(`Ctrl-Alt-F${number}`, CTRL, ALT, functionKey(number))) },
];

/** Places of the keys that give characters, row by row. */
const PLACES = [
  "Backquote", ..."1234567890".split("").map((digit) => `Digit${digit}`), "Minus", "Equal",
  ..."QWERTYUIOP".split("").map((name) => `Key${name}`), "BracketLeft", "BracketRight", "Backslash",
  ..."ASDFGHJKL".split("").map((name) => `Key${name}`), "Semicolon", "Quote",
  "IntlBackslash", ..."ZXCVBNM".split("").map((name) => `Key${name}`), "Comma", "Period", "Slash", "Space",
];

/** What stands on the keys of a layout, in the order of `PLACES`; a dot in a circle where nothing (or a dead key) is. */
interface Layout {
  plain: string;
  shift: string;
  altgr: Record<string, string>;
  /** Dead keys: the place, whether with Shift, and what becomes of the letters after it. */
  dead: ReadonlyArray<{ place: string; shift: boolean; gives: Record<string, string> }>;
}

const NOTHING = "⊙";
const LAYOUT: Record<string, Layout> = {
  us: {
    plain: `\`1234567890-=qwertyuiop[]\\asdfghjkl;'${NOTHING}zxcvbnm,./ `,
    shift: `~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"${NOTHING}ZXCVBNM<>?${NOTHING}`,
    altgr: {},
    dead: [],
  },
  es: {
    plain: `º1234567890'¡qwertyuiop${NOTHING}+çasdfghjklñ${NOTHING}<zxcvbnm,.- `,
    shift: `ª!"·$%&/()=?¿QWERTYUIOP${NOTHING}*ÇASDFGHJKLÑ${NOTHING}>ZXCVBNM;:_${NOTHING}`,
    altgr: { "\\": "Backquote", "|": "Digit1", "@": "Digit2", "#": "Digit3", "~": "Digit4", "€": "KeyE", "[": "BracketLeft", "]": "BracketRight", "}": "Backslash", "{": "Quote" },
    dead: [
      { place: "Quote", shift: false, gives: { á: "a", é: "e", í: "i", ó: "o", ú: "u", Á: "A", É: "E", Í: "I", Ó: "O", Ú: "U", "´": " " } },
      { place: "Quote", shift: true, gives: { ü: "u", Ü: "U", "¨": " " } },
      { place: "BracketLeft", shift: false, gives: { à: "a", è: "e", "`": " " } },
      { place: "BracketLeft", shift: true, gives: { â: "a", ê: "e", "^": " " } },
    ],
  },
  de: {
    plain: `${NOTHING}1234567890ß${NOTHING}qwertzuiopü+#asdfghjklöä<yxcvbnm,.- `,
    shift: `°!"§$%&/()=?${NOTHING}QWERTZUIOPÜ*'ASDFGHJKLÖÄ>YXCVBNM;:_${NOTHING}`,
    altgr: { "²": "Digit2", "³": "Digit3", "{": "Digit7", "[": "Digit8", "]": "Digit9", "}": "Digit0", "\\": "Minus", "@": "KeyQ", "€": "KeyE", "~": "BracketRight", "|": "IntlBackslash", µ: "KeyM" },
    dead: [
      { place: "Backquote", shift: false, gives: { "^": " ", â: "a", ê: "e" } },
      { place: "Equal", shift: false, gives: { "´": " ", á: "a", é: "e" } },
      { place: "Equal", shift: true, gives: { "`": " ", à: "a", è: "e" } },
    ],
  },
};

export type LayoutName = "us" | "es" | "de";
export const LAYOUTS: readonly LayoutName[] = ["us", "es", "de"];
/** Characters of one text. */
export const TYPED_MAX = 4096;

/** Keys that are held together for one stroke. */
export type Stroke = readonly Key[];

/** The keysym of a character: Latin-1 as it is, everything else by its code point. */
function keysym(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? code : 0x01000000 + code;
}

function strokesOf(character: string, layout: Layout): Stroke[] | undefined {
  if (character === "\n") return [[RETURN]];
  if (character === "\t") return [[TAB]];
  const at = (row: string): Key | undefined => {
    const place = character === NOTHING ? undefined : PLACES[Array.from(row).indexOf(character)];
    return place === undefined ? undefined : key(keysym(character), place);
  };
  const [plain, shift] = [at(layout.plain), at(layout.shift)];
  if (plain !== undefined) return [[plain]];
  if (shift !== undefined) return [[SHIFT, shift]];
  const altgr = layout.altgr[character];
  if (altgr !== undefined) return [[ALTGR, key(keysym(character), altgr)]];
  for (const { place, shift: held, gives } of layout.dead) {
    const letterAfter = gives[character];
    const after = letterAfter === undefined ? undefined : strokesOf(letterAfter, layout);
    // A dead key means nothing by itself: the guest knows it by its place.
    if (after !== undefined) return [[...(held ? [SHIFT] : []), key(0, place)], ...after];
  }
  return undefined;
}

/** How a text is typed; `missing` are the characters that no key of the layout gives. */
export function strokes(text: string, name: LayoutName): { strokes: Stroke[]; missing: string[] } {
  const layout = LAYOUT[name] as Layout;
  const typed: Stroke[] = [];
  const missing = new Set<string>();
  for (const character of Array.from(text.replaceAll("\r\n", "\n")).slice(0, TYPED_MAX)) {
    const found = strokesOf(character, layout);
    if (found === undefined) missing.add(character);
    else typed.push(...found);
  }
  return { strokes: typed, missing: [...missing] };
}
