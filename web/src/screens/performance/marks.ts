// What happened meanwhile: drawn into the graphs as lines, and said below them.
import { useMemo } from "react";
import { taskName } from "@/app/tasks";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { rowOf, useAll, useTable } from "@/store/hooks";
import { useAlertText } from "../alerts/AlertLine";
import { severityOf } from "../alerts/groups";
import { partBody } from "../alerts/words";
import type { Subject } from "./rrd";

export interface Mark {
  key: string;
  /** Seconds since 1970. */
  t: number;
  text: string;
  severity: "danger" | "warning" | "info";
}

/** Of what events are told. */
export interface Told extends Pick<Subject, "kind" | "uuid"> {
  name: string;
}

/** What tasks tell of as well as alerts: the alert goes before, where there is one. */
const TOLD_BY_TASKS: Record<string, string> = {
  "VM.pool_migrate": "VM_MIGRATED",
  "VM.snapshot": "VM_SNAPSHOTTED",
  "VM.checkpoint": "VM_CHECKPOINTED",
  "VM.revert": "VM_SNAPSHOT_REVERTED",
};
/** Losses of hosts; after one, the machine's start is its restart. */
const LOSSES = new Set(["HA_HOST_FAILED", "HA_HOST_WAS_FENCED"]);
/** Alert and task, or loss and restart, belong together within so many seconds. */
const SAME_S = 60;
const RESTART_S = 900;
const MARKS_MAX = 60;

/** What happened to the objects, oldest first; where they are several, each event says to whom. */
export function useMarks(all: readonly Told[]): Mark[] {
  const i18n = useI18n();
  const textOf = useAlertText();
  const alerts = useAll("message");
  const tasks = useAll("task");
  const machines = useTable("VM");
  const metrics = useTable("VM_metrics");
  // When a machine was started, and how its snapshots are called: most changes of machines change neither.
  const known = JSON.stringify(
    all.map(({ kind, uuid }) => {
      const vm = kind === "vm" ? rowOf(machines, uuid) : undefined;
      const started = wireTime(metrics.byRef.get(vm?.metrics ?? "")?.start_time) / 1000;
      return { started, snapshots: (vm?.snapshots ?? []).map((ref) => machines.byRef.get(ref)?.name_label) };
    }),
  );
  const who = JSON.stringify(all);
  return useMemo(() => {
    const facts = JSON.parse(known) as Array<{ started: number; snapshots: string[] }>;
    const told = JSON.parse(who) as Told[];
    const marks = told.flatMap(({ kind, uuid, name }, index): Mark[] => {
      const { started = 0, snapshots = [] } = facts[index] ?? {};
      const say = (text: string): string => (told.length > 1 ? `${name}: ${text}` : text);
      const near = (alert: string, t: number): boolean =>
        alerts.some((each) => each.name === alert && each.obj_uuid === uuid && Math.abs(wireTime(each.timestamp) / 1000 - t) < SAME_S);
      const isAbout = (alert: (typeof alerts)[number]): boolean => {
        if (kind === "pool") return /^(HA|HOST|POOL)_/.test(alert.name);
        if (alert.obj_uuid === uuid) return true;
        if (kind === "host" && alert.name === "VM_MIGRATED") {
          const { from, to } = partBody(alert.body).data;
          return from === name || to === name;
        }
        const before = started - wireTime(alert.timestamp) / 1000;
        return kind === "vm" && LOSSES.has(alert.name) && before >= 0 && before < RESTART_S;
      };
      const found: Mark[] = alerts.filter(isAbout).map((alert) => {
        const { title, detail } = textOf(alert);
        // Of a host it is to be known which machine came or went.
        const text = kind === "host" && alert.cls === "VM" ? `${String(partBody(alert.body).data["vm"] ?? "")}: ${title}. ${detail}`.trim() : title;
        return { key: `${uuid}-${alert.$ref}`, t: wireTime(alert.timestamp) / 1000, text: say(text), severity: severityOf(alert.priority) };
      });
      if (kind !== "vm") return found;
      for (const task of tasks) {
        const method = task.name_label.replace(/^Async\./, "");
        const alert = TOLD_BY_TASKS[method];
        // A task is named after what it was asked of: going back after the snapshot, all else after the machine.
        const isMine = method === "VM.revert" ? snapshots.includes(task.name_description) : task.name_description === name;
        const t = wireTime(task.finished) / 1000;
        if (alert === undefined || task.status !== "success" || !isMine || near(alert, t)) continue;
        found.push({ key: `${uuid}-${task.$ref}`, t, text: say(taskName(task, i18n)), severity: "info" });
      }
      if (started > 0 && !near("VM_STARTED", started)) found.push({ key: `${uuid}-started`, t: started, text: say(i18n.t("alert-VM-STARTED")), severity: "info" });
      return found;
    });
    return marks.sort((a, b) => a.t - b.t);
    // textOf is new at every turn, but says the same as long as the language is.
    // eslint-disable-next-line react/exhaustive-deps
  }, [alerts, tasks, who, known, i18n]);
}

/** Those of a span of time, the newest if there are too many. */
export function marksIn(marks: readonly Mark[], [from, to]: readonly [number, number]): Mark[] {
  return marks.filter(({ t }) => t >= from && t <= to).slice(-MARKS_MAX);
}
