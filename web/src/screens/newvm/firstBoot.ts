// What a cloud image learns when it boots for the first time. The pool puts it onto a small disk
// when the machine is made (`VM.other_config`, `cloud-init-…`), and checks it once more.

export interface FirstBoot {
  /** Own user data stands in place of user, keys and password. */
  isOwn: boolean;
  user: string;
  keys: string;
  hash: string;
  hostname: string;
  userData: string;
  network: string;
}

export const NO_FIRST_BOOT: FirstBoot = { isOwn: false, user: "", keys: "", hash: "", hostname: "", userData: "", network: "" };

/** Start of the keys of `VM.other_config`. */
const PREFIX = "cloud-init-";
const USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const KEY = /^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]{16,}( .*)?$/;
const HASH = /^\$[^$:\s]+\$[^$:\s]+(\$[^$:\s]+)+$/;
const HOSTNAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

function keysOf(first: FirstBoot): string[] {
  return first.keys.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/** What stands against it: a field, and the message that says why. */
export function wrongField(first: FirstBoot): { field: keyof FirstBoot; text: string } | undefined {
  if (first.hostname !== "" && !HOSTNAME.test(first.hostname)) return { field: "hostname", text: "cloud-wrong-hostname" };
  if (first.isOwn) {
    const start = /^(#|Content-Type:|MIME-)/;
    return start.test(first.userData.trim()) ? undefined : { field: "userData", text: "cloud-wrong-user-data" };
  }
  if (first.user !== "" && !USER.test(first.user)) return { field: "user", text: "cloud-wrong-user" };
  if (keysOf(first).some((key) => !KEY.test(key))) return { field: "keys", text: "cloud-wrong-keys" };
  if (first.hash !== "" && !HASH.test(first.hash)) return { field: "hash", text: "cloud-wrong-hash" };
  if (first.hash !== "" && first.user === "") return { field: "user", text: "cloud-needs-user" };
  if (keysOf(first).length === 0 && first.hash === "") return { field: "keys", text: "cloud-needs-way-in" };
  return undefined;
}

/** Entries of `VM.other_config`. A machine of several has its own name in the network. */
export function entriesOf(first: FirstBoot, isOneOfSeveral: boolean): Array<[key: string, text: string]> {
  const given: Array<[string, string]> = first.isOwn
    ? [["user-data", first.userData]]
    : [["user", first.user], ["ssh-keys", keysOf(first).join("\n")], ["password-hash", first.hash]];
  given.push(["hostname", isOneOfSeveral ? "" : first.hostname], ["network-config", first.network]);
  return given.filter(([, text]) => text.trim() !== "").map(([key, text]) => [`${PREFIX}${key}`, text.trim()]);
}

/** The same on the command line. Own texts are files there. */
export function wordsOf(first: FirstBoot, isOneOfSeveral: boolean): string[] {
  const words = first.isOwn ? ["--cloud-init", "user-data.yaml"] : [];
  if (!first.isOwn) {
    if (first.user !== "") words.push("--user", first.user);
    for (const key of keysOf(first)) words.push("--ssh-key", key);
    if (first.hash !== "") words.push("--password-hash", first.hash);
  }
  if (first.hostname !== "" && !isOneOfSeveral) words.push("--hostname", first.hostname);
  if (first.network.trim() !== "") words.push("--network-config", "network.yaml");
  return words;
}
