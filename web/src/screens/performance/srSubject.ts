// Who keeps what a storage repository was like: the coordinator.
import { useMemo } from "react";
import { type Item, useObject, usePool } from "@/store/hooks";
import type { Subject } from "./rrd";

export function useSrSubject(sr: Item<"SR">): Subject {
  const coordinator = useObject("host", usePool()?.master);
  const [on, name] = [coordinator?.uuid, coordinator?.name_label ?? ""];
  return useMemo(() => ({ kind: "sr", uuid: sr.uuid, hosts: on === undefined ? [] : [{ uuid: on, name, cpus: 1 }] }), [sr.uuid, on, name]);
}
