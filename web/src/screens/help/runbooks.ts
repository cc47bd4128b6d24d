// Which page of the runbooks helps with which alert.
import type { Records } from "@/generated/xenapi";

export const RUNBOOKS = ["host-dead", "storage-lost", "guest-hangs", "power-fencing", "enable-ha", "replace-host", "change-address"] as const;
export type Runbook = (typeof RUNBOOKS)[number];

const OF: Record<string, Runbook> = {
  HA_HOST_FAILED: "host-dead",
  HA_HOST_WAS_FENCED: "host-dead",
  HA_STATEFILE_LOST: "storage-lost",
  HA_STATEFILE_APPROACHING_TIMEOUT: "storage-lost",
  PBD_PLUG_FAILED_ON_SERVER_START: "storage-lost",
};

/** The runbook for an alert, where there is one. */
export function runbookOf(alert: Pick<Records["message"], "name" | "body">): Runbook | undefined {
  if (alert.body.includes('"case":"guest_')) return "guest-hangs";
  return alert.body.includes('"case":"not_proven_off"') ? "power-fencing" : OF[alert.name];
}
