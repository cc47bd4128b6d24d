// How an alert stands: open, taken on by somebody, or over because what it told of is no more so.
import { useCallback } from "react";
import { wireTime } from "@/i18n/format";
import { type Item, rowOf, usePool, useTable } from "@/store/hooks";
import { type Acknowledged, partBody } from "./words";

type Alert = Item<"message">;

export const STANDINGS = ["all", "open", "taken", "over"] as const;
export type Standing = Exclude<(typeof STANDINGS)[number], "all">;

// Asked for every alert whenever the pool changes: a body is read once.
const read = new WeakMap<Alert, ReturnType<typeof partBody>>();

function bodyOf(alert: Alert): ReturnType<typeof partBody> {
  const known = read.get(alert) ?? partBody(alert.body);
  read.set(alert, known);
  return known;
}

export function acknowledgedOf(alert: Alert): Acknowledged | undefined {
  return bodyOf(alert).acknowledged;
}

/** Whether what alerts told of is no more so, as far as the pool's own state says. */
export function useIsOver(): (alert: Alert) => boolean {
  const pool = usePool();
  const hosts = useTable("host");
  const metrics = useTable("host_metrics");
  const vms = useTable("VM");
  return useCallback(
    (alert) => {
      switch (alert.name) {
        case "HA_HOST_FAILED":
        case "HA_HOST_WAS_FENCED": {
          const host = rowOf(hosts, alert.obj_uuid);
          const row = metrics.byRef.get(host?.metrics ?? "");
          return row?.live === true && wireTime(row.last_updated) >= wireTime(alert.timestamp);
        }
        case "HA_PROTECTED_VM_RESTART_FAILED":
          if (alert.cls === "Pool") return pool?.other_config["haven_restarts_prevented_until_ms"] === undefined;
          return rowOf(vms, alert.obj_uuid)?.power_state === "Running";
        case "HA_POOL_OVERCOMMITTED":
          // One about something that was done stays true.
          return pool?.ha_enabled === true && !pool.ha_overcommitted && bodyOf(alert).data["case"] === undefined;
        default:
          return false;
      }
    },
    [pool, hosts, metrics, vms],
  );
}

/** How alerts stand. */
export function useStanding(): (alert: Alert) => Standing {
  const isOver = useIsOver();
  return useCallback((alert) => (isOver(alert) ? "over" : acknowledgedOf(alert) === undefined ? "open" : "taken"), [isOver]);
}

/** Alerts of this priority or a smaller number ask for attention. */
export const URGENT_PRIORITY = 3;

/** Whether an alert waits for somebody: it is urgent, nobody deals with it, and it is not over. */
export function useWaits(): (alert: Alert) => boolean {
  const standing = useStanding();
  return useCallback((alert) => alert.priority <= URGENT_PRIORITY && standing(alert) === "open", [standing]);
}
