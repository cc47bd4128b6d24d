// What one host uses.
import { type ReactNode, useMemo } from "react";
import type { Item } from "@/store/hooks";
import { Performance } from "./Performance";
import type { Subject } from "./rrd";

export default function HostPerformance({ object: host }: { object: Item<"host"> }): ReactNode {
  const { uuid, name_label: name } = host;
  const subject = useMemo<Subject>(() => ({ kind: "host", uuid, hosts: [{ uuid, name, cpus: 1 }] }), [uuid, name]);
  return <Performance key={uuid} subject={subject} name={name} />;
}
