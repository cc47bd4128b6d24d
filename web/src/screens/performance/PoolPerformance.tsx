// What all hosts use together.
import { type ReactNode, useMemo } from "react";
import { type Item, useAll, useTable } from "@/store/hooks";
import { Performance } from "./Performance";
import type { Subject } from "./rrd";

export default function PoolPerformance({ object: pool }: { object: Item<"pool"> }): ReactNode {
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const live = hosts.filter((host) => metrics.byRef.get(host.metrics)?.live === true);
  // Hosts change all the time; who is asked changes seldom.
  const asked = JSON.stringify(live.map((host) => ({ uuid: host.uuid, name: host.name_label, cpus: Number(host.cpu_info["cpu_count"] ?? 1) })));
  const subject = useMemo<Subject>(() => ({ kind: "pool", uuid: pool.uuid, hosts: JSON.parse(asked) as Subject["hosts"] }), [pool.uuid, asked]);
  return <Performance subject={subject} name={pool.name_label} />;
}
