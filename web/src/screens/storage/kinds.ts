// Kinds of storage that can be made, and how a place of each is written.
import { haven } from "@/actions/cli";

export const KINDS = ["nfs", "file", "local", "iso"] as const;
export type Kind = (typeof KINDS)[number];

/** The driver's settings of `server:/export`, or of a directory. */
export function deviceConfig(kind: Kind, location: string): Record<string, string> {
  if (kind !== "nfs") return { location };
  const [server = "", path] = location.split(/:(?=\/)/);
  return path === undefined ? { server } : { server, serverpath: path };
}

/** Whether a text is a whole place. */
export function isPlace(kind: Kind, location: string): boolean {
  const isExport = /^[^\s:]+:\/\S*$/.test(location) || /^\[[0-9a-fA-F:]+\]:\/\S*$/.test(location);
  const isDirectory = location.startsWith("/");
  if (kind === "iso") return isExport || isDirectory;
  return kind === "nfs" ? isExport : isDirectory;
}

export function isShared(kind: Kind): boolean {
  return kind !== "local";
}

/** A line for making or trying it; `--shared` is said where it does not follow from the type. */
export function cliOf(verb: "create" | "attach" | "test", kind: Kind, location: string, name?: string, uuid?: string): string {
  const shared = kind === "file" || (kind === "iso" && verb !== "test") ? "--shared" : undefined;
  return haven("sr", verb, name, "--type", kind, "--location", location, shared, ...(uuid === undefined ? [] : ["--uuid", uuid]));
}

/** Paths in the answer of a probe. */
export function exportsOf(answer: string): string[] {
  return Array.from(answer.matchAll(/<Path>([^<]+)<\/Path>/gi), (match) => (match[1] ?? "").trim());
}
