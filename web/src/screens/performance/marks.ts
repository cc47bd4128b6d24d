// What happened meanwhile: drawn into the graphs as lines, and said below them.
import { useMemo } from "react";
import { taskName } from "@/app/tasks";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { useAll, useByUuid, useObject, useTable } from "@/store/hooks";
import { useAlertText } from "../alerts/AlertLine";
import { severityOf } from "../alerts/groups";
import type { Subject } from "./rrd";

export interface Mark {
  key: string;
  /** Seconds since 1970. */
  t: number;
  text: string;
  severity: "danger" | "warning" | "info";
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

/** What happened to the object, oldest first. */
export function useMarks(subject: Subject, name: string): Mark[] {
  const i18n = useI18n();
  const textOf = useAlertText();
  const alerts = useAll("message");
  const tasks = useAll("task");
  const { kind, uuid } = subject;
  const vm = useByUuid("VM", kind === "vm" ? uuid : undefined);
  const started = wireTime(useObject("VM_metrics", vm?.metrics)?.start_time) / 1000;
  const table = useTable("VM");
  // A task is named after what it was asked of: going back after the snapshot, all else after the machine.
  const asked = JSON.stringify(kind === "vm" ? (vm?.snapshots ?? []).map((ref) => table.byRef.get(ref)?.name_label) : []);
  return useMemo(() => {
    const snapshots = new Set(JSON.parse(asked) as string[]);
    const near = (alert: string, t: number): boolean =>
      alerts.some((each) => each.name === alert && each.obj_uuid === uuid && Math.abs(wireTime(each.timestamp) / 1000 - t) < SAME_S);
    const isAbout = (alert: (typeof alerts)[number]): boolean => {
      if (kind === "pool") return /^(HA|HOST|POOL)_/.test(alert.name);
      if (alert.obj_uuid === uuid) return true;
      const before = started - wireTime(alert.timestamp) / 1000;
      return kind === "vm" && LOSSES.has(alert.name) && before >= 0 && before < RESTART_S;
    };
    const marks: Mark[] = alerts
      .filter(isAbout)
      .map((alert) => ({ key: alert.$ref, t: wireTime(alert.timestamp) / 1000, text: textOf(alert).title, severity: severityOf(alert.priority) }));
    if (kind === "vm") {
      for (const task of tasks) {
        const method = task.name_label.replace(/^Async\./, "");
        const told = TOLD_BY_TASKS[method];
        const isMine = method === "VM.revert" ? snapshots.has(task.name_description) : task.name_description === name;
        const t = wireTime(task.finished) / 1000;
        if (told === undefined || task.status !== "success" || !isMine || near(told, t)) continue;
        marks.push({ key: task.$ref, t, text: taskName(task, i18n), severity: "info" });
      }
      if (started > 0 && !near("VM_STARTED", started)) marks.push({ key: "started", t: started, text: i18n.t("alert-VM-STARTED"), severity: "info" });
    }
    return marks.sort((a, b) => a.t - b.t);
    // textOf is new at every turn, but says the same as long as the language is.
    // eslint-disable-next-line react/exhaustive-deps
  }, [alerts, tasks, kind, uuid, name, started, asked, i18n]);
}

/** Those of a span of time, the newest if there are too many. */
export function marksIn(marks: readonly Mark[], [from, to]: readonly [number, number]): Mark[] {
  return marks.filter(({ t }) => t >= from && t <= to).slice(-MARKS_MAX);
}
