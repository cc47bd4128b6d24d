// How full a storage repository was, over time; the coordinator keeps that.
import { type ReactNode, useMemo } from "react";
import { type Item, useObject, usePool } from "@/store/hooks";
import { Performance } from "./Performance";
import type { Subject } from "./rrd";

export function useSrSubject(sr: Item<"SR">): Subject {
  const coordinator = useObject("host", usePool()?.master);
  const [on, name] = [coordinator?.uuid, coordinator?.name_label ?? ""];
  return useMemo(() => ({ kind: "sr", uuid: sr.uuid, hosts: on === undefined ? [] : [{ uuid: on, name, cpus: 1 }] }), [sr.uuid, on, name]);
}

export default function SrPerformance({ object: sr }: { object: Item<"SR"> }): ReactNode {
  return <Performance key={sr.uuid} subject={useSrSubject(sr)} name={sr.name_label} />;
}
