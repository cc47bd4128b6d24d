// What one machine uses.
import { type ReactNode, useMemo } from "react";
import { type Item, useObject } from "@/store/hooks";
import { Performance } from "./Performance";
import type { Subject } from "./rrd";

export default function VmPerformance({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const host = useObject("host", vm.resident_on);
  const [on, name] = [host?.uuid, host?.name_label ?? ""];
  const subject = useMemo<Subject>(
    () => ({ kind: "vm", uuid: vm.uuid, hosts: on === undefined ? [] : [{ uuid: on, name, cpus: 1 }] }),
    [vm.uuid, on, name],
  );
  return <Performance key={vm.uuid} subject={subject} name={vm.name_label} isOff={vm.power_state === "Halted" || vm.power_state === "Suspended"} />;
}
