// What stands in the way of protection or asks for somebody: only problems, each with its cause.
import { useMemo } from "react";
import type { HaStatus } from "@/api/haven";
import type { Args } from "@/i18n/language";
import { drillsOf, pauseOf } from "@/model/ha";
import { useAll, usePool, useTable } from "@/store/hooks";
import { pathOf } from "@/ui/links";
import { useNow } from "@/ui/useNow";

export interface Problem {
  key: string;
  severity: "danger" | "warning";
  /** Message and its arguments. */
  text: string;
  args?: Args;
  /** Where something can be done about it, and the message of the link. */
  to: string;
  link: string;
}

/** A path on which nothing came for so long is silent, in milliseconds; as the pool judges. */
export const HEARD_MS = 3000;

export function useProblems(status: HaStatus | undefined): Problem[] {
  const pool = usePool();
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const srs = useTable("SR");
  const pbds = useAll("PBD");
  const now = useNow();
  return useMemo(() => {
    const found: Problem[] = [];
    for (const host of hosts) {
      const to = pathOf("host", host.uuid);
      if (metrics.byRef.get(host.metrics)?.live !== true) {
        found.push({ key: `lost-${host.$ref}`, severity: "danger", text: "problem-host-lost", args: { host: host.name_label }, to, link: "see-host" });
      } else if (!host.enabled) {
        found.push({ key: `off-${host.$ref}`, severity: "warning", text: "problem-host-disabled", args: { host: host.name_label }, to, link: "see-host" });
      }
    }
    for (const pbd of pbds) {
      const sr = srs.byRef.get(pbd.SR);
      const host = hosts.find((each) => each.$ref === pbd.host);
      const live = host !== undefined && metrics.byRef.get(host.metrics)?.live === true;
      if (pbd.currently_attached || sr === undefined || !live) continue;
      const args = { sr: sr.name_label, host: host.name_label };
      found.push({ key: `pbd-${pbd.$ref}`, severity: "warning", text: "problem-detached", args, to: pathOf("sr", sr.uuid), link: "see-storage" });
    }
    if (pool?.ha_enabled === true) {
      if (pool.ha_overcommitted) {
        const args = { wanted: pool.ha_host_failures_to_tolerate, possible: pool.ha_plan_exists_for };
        found.push({ key: "over", severity: "danger", text: "problem-overcommitted", args, to: pathOf("pool", "", "availability"), link: "see-availability" });
      }
      const there = { to: pathOf("pool", "", "availability"), link: "see-availability" };
      if (pauseOf(pool, now) !== undefined) found.push({ key: "paused", severity: "warning", text: "problem-paused", ...there });
      if (drillsOf(pool).last?.passed === false) found.push({ key: "drill", severity: "warning", text: "problem-drill", ...there });
      for (const host of status?.hosts ?? []) {
        if (host.state !== "member") continue;
        const to = pathOf("pool", "", "availability");
        if (!host.network) found.push({ key: `net-${host.name}`, severity: "warning", text: "problem-no-network-beat", args: { host: host.name }, to, link: "see-availability" });
        // Heard on one network, and not on another: one more fault, and it is not heard at all.
        for (const [index, ms] of (host.heard_ms ?? []).entries()) {
          const silent = ms === null || ms > HEARD_MS;
          if (silent && host.network) found.push({ key: `net-${host.name}-${index}`, severity: "warning", text: "problem-network-path", args: { host: host.name, network: index + 1 }, ...there });
        }
        if (!host.storage) found.push({ key: `sto-${host.name}`, severity: "warning", text: "problem-no-storage-beat", args: { host: host.name }, to, link: "see-availability" });
      }
    }
    // What is lost comes before what is to be known.
    return found.sort((a, b) => Number(b.severity === "danger") - Number(a.severity === "danger"));
  }, [pool, hosts, metrics, srs, pbds, status, now]);
}
