// Alerts in the words of the person: from their name and the data behind their body, never from the
// English sentence that stands there for other clients.
import { ApiError } from "@/api/errors";
import type { Records } from "@/generated/xenapi";
import type { I18n } from "@/i18n";
import { saidIn } from "@/i18n/language";
import type { ErrorText } from "@/ui/ErrorView";

/** What a body says besides its sentence. */
export type AlertData = Record<string, unknown>;

/** Who has taken an alert on. */
export interface Acknowledged {
  by: string;
  at_ms: number;
  note: string;
}

/** Parts a body into its sentence and its data: `It failed. {"case":"failed"}`. */
export function partBody(body: string): { text: string; data: AlertData; acknowledged?: Acknowledged } {
  // A name in the sentence may look like the beginning of data.
  for (let at = body.indexOf('{"'); at >= 0; at = body.indexOf('{"', at + 1)) {
    try {
      // Behind markup the data stand in a comment.
      const text = body.slice(0, at).replace(/<!-- $/, "").trim();
      const { acknowledged, ...data } = JSON.parse(body.slice(at).replace(/ -->$/, "")) as AlertData & { acknowledged?: Acknowledged };
      return { text, data, ...(acknowledged === undefined ? {} : { acknowledged }) };
    } catch {
      // Not here.
    }
  }
  return { text: body, data: {} };
}

export interface AlertWords {
  title: string;
  /** What exactly, in the language of the person; empty: nothing more is known. */
  detail: string;
  remedy: string;
  /** Which of the cases that the alert has; empty: it has none. */
  kind: string;
  /** What only another program has words for, in English. */
  foreign: string;
}

type Says = Pick<I18n, "t" | "has" | "number" | "language">;

/** The words of an alert; its name where the catalogue has none. */
export function alertWords(alert: Pick<Records["message"], "name" | "body">, i18n: Says, errorText: (error: unknown) => ErrorText): AlertWords {
  const { t, has } = i18n;
  const { text, data } = partBody(alert.body);
  const base = `alert-${alert.name.replaceAll("_", "-")}`;
  const which = typeof data["case"] === "string" ? data["case"] : "";
  const kind = which === "" ? base : `${base}-${which.replaceAll("_", "-")}`;
  const of = (what: string): string | undefined => [`${kind}${what}`, `${base}${what}`].find(has);
  const title = of("");
  const exactly = detailOf(has(`${kind}-detail`) || kind === base ? `${kind}-detail` : "", data, i18n, errorText);
  // What the planner says it says in every language.
  const detail = [exactly, saidIn(data, i18n.language)].filter((part) => part !== "").join(" ");
  // News of a machine whose title says all.
  const isTold = title !== undefined && typeof data["vm"] === "string" && !has(`${base}-detail`);
  const isKnown = detail !== "" || isTold || (which !== "" && has(kind));
  const remedy = of("-remedy");
  return {
    title: title === undefined ? alert.name.replaceAll("_", " ").toLowerCase() : t(title),
    detail,
    remedy: remedy === undefined ? "" : worded(remedy, data, i18n),
    kind: which,
    // XML is what other programs tell each other.
    foreign: isKnown || text.startsWith("<") ? "" : text,
  };
}

function detailOf(id: string, data: AlertData, i18n: Says, errorText: (error: unknown) => ErrorText): string {
  const { error } = data;
  if (Array.isArray(error)) {
    const [code = "", ...params] = error.map(String);
    const words = errorText(new ApiError(code, params));
    return `${words.what} ${words.remedy}`.trim();
  }
  return i18n.has(id) ? worded(id, data, i18n) : "";
}

/** A sentence of the catalogue with what the alert says of names and times. */
function worded(id: string, data: AlertData, { t, number }: Says): string {
  const args: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(data)) {
    if (typeof value === "number" || typeof value === "string") args[key] = value;
  }
  const since = (key: string): string => number(Math.max(0, Number(data[key] ?? 0) - Number(data["silent_ms"] ?? 0)) / 1000, 1);
  if (typeof data["silent_ms"] === "number") Object.assign(args, { noticed: since("put_out_ms"), stopped: since("dead_ms") });
  const said = t(id, args);
  // An alert of an earlier version has less data: then its own sentence says it.
  return said.includes("{$") ? "" : said;
}
