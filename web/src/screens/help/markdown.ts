// As much of Markdown as the runbooks use: headings, paragraphs, lists, code.

export type Block =
  | { kind: "heading"; text: string }
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "steps"; items: string[] }
  | { kind: "points"; items: string[] };

const ITEM = /^(\d+\.|-) +/;

/** The blocks of a text; its title is left out. */
export function parse(text: string): Block[] {
  const blocks: Block[] = [];
  let code: string[] | null = null;
  let isOpen = false;
  for (const line of text.split("\n")) {
    if (line.trimStart().startsWith("```")) {
      if (code !== null) blocks.push({ kind: "code", text: code.join("\n") });
      code = code === null ? [] : null;
      isOpen = false;
    } else if (code !== null) code.push(line);
    else if (line.trim() === "") isOpen = false;
    else if (line.startsWith("#")) {
      if (!line.startsWith("# ")) blocks.push({ kind: "heading", text: line.replace(/^#+ /, "") });
      isOpen = false;
    } else {
      add(blocks, line, isOpen);
      isOpen = true;
    }
  }
  return blocks;
}

/** A line of a list or of a paragraph; `isOpen`: it may go on with what stands before it. */
function add(blocks: Block[], line: string, isOpen: boolean): void {
  const last = blocks[blocks.length - 1];
  const mark = ITEM.exec(line)?.[0];
  if (mark !== undefined) {
    const kind = mark.startsWith("-") ? "points" : "steps";
    const item = line.slice(mark.length);
    if (last !== undefined && last.kind === kind) last.items.push(item);
    else blocks.push({ kind, items: [item] });
  } else if (last !== undefined && "items" in last && (isOpen || line.startsWith("  "))) {
    last.items.push(`${last.items.pop() ?? ""} ${line.trim()}`);
  } else if (last?.kind === "text" && isOpen) last.text += ` ${line.trim()}`;
  else blocks.push({ kind: "text", text: line.trim() });
}
