// What tasks are called, and which of them are shown.
import type { Records } from "@/generated/xenapi";
import type { Texts } from "@/i18n/language";
import { wireTime } from "@/i18n/format";
import type { Item } from "@/store/hooks";

/** Ended tasks stay in the drawer for so long, in milliseconds; the history keeps them all. */
const RECENT_MS = 15 * 60_000;

export function isRunning(task: Records["task"]): boolean {
  return task.status === "pending" || task.status === "cancelling";
}

/** `Async.VM.start` in the words of the person. */
export function taskName(task: Records["task"], texts: Pick<Texts, "t" | "has">): string {
  const id = `task-${task.name_label.replace(/^Async\./, "").replaceAll(/[._]/g, "-")}`;
  return texts.has(id) ? texts.t(id) : task.name_label.replace(/^Async\./, "");
}

/** How many bytes have come of what the pool fetches. */
export function bytesSoFar(task: Records["task"]): number | undefined {
  const bytes = Number(task.other_config["haven_bytes"]);
  return Number.isNaN(bytes) ? undefined : bytes;
}

/** Running ones first, then those that ended a moment ago; newest first. */
export function recentTasks(tasks: ReadonlyArray<Item<"task">>, now: number): Array<Item<"task">> {
  const since = now - RECENT_MS;
  return tasks
    .filter((task) => isRunning(task) || wireTime(task.finished) > since)
    .sort((a, b) => Number(isRunning(b)) - Number(isRunning(a)) || wireTime(b.created) - wireTime(a.created));
}
