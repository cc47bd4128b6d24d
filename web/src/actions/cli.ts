// Lines of the command line.

/** A word as a shell wants it: quoted when it must be. */
export function quote(word: string): string {
  if (word !== "" && /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** `haven vm start web1`. Undefined words are left out; numbers are written as they are. */
export function haven(...words: Array<string | number | undefined>): string {
  const given = words.filter((word) => word !== undefined);
  return ["haven", ...given.map((word) => quote(String(word)))].join(" ");
}

/** A line of the `xe` command line, for what `haven` has no word for. */
export function xe(verb: string, params: Record<string, string>): string {
  return ["xe", verb, ...Object.entries(params).map(([name, value]) => `${name}=${quote(value)}`)].join(" ");
}
