// Alerts that say the same of the same object, as one: a fault that comes and goes would fill the page.
import { wireTime } from "@/i18n/format";
import type { Item } from "@/store/hooks";
import { partBody } from "./words";

type Alert = Item<"message">;

/** How urgent: danger up to 2, warning at 3, information beyond. */
export function severityOf(priority: number): "danger" | "warning" | "info" {
  return priority <= 2 ? "danger" : priority === 3 ? "warning" : "info";
}

export interface AlertGroup {
  key: string;
  /** Newest first; at least one. */
  alerts: readonly [Alert, ...Alert[]];
  /** Milliseconds since 1970 of the first of them. */
  since: number;
}

export const GROUPINGS = ["kind", "object", "severity", "each"] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** What is said, apart from when. */
function kindOf(alert: Alert): string {
  return `${alert.name} ${String(partBody(alert.body).data["case"] ?? "")} ${alert.cls} ${alert.obj_uuid}`;
}

const KEYS: Record<Grouping, (alert: Alert) => string> = {
  kind: kindOf,
  object: (alert) => `${alert.cls} ${alert.obj_uuid}`,
  severity: (alert) => severityOf(alert.priority),
  each: (alert) => alert.$ref,
};

/** The groups of alerts, those with the newest first. */
export function groupsOf(alerts: readonly Alert[], by: Grouping): AlertGroup[] {
  const timed = alerts.map((alert) => ({ alert, at: wireTime(alert.timestamp) })).sort((a, b) => b.at - a.at);
  const groups = new Map<string, { alerts: [Alert, ...Alert[]]; since: number }>();
  for (const { alert, at } of timed) {
    const key = KEYS[by](alert);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { alerts: [alert], since: at });
    else {
      group.alerts.push(alert);
      group.since = at;
    }
  }
  return Array.from(groups, ([key, group]) => ({ key, ...group }));
}
