// What a host is called, and how the pool switches it off and on.
import type { ReactNode } from "react";
import type { Item } from "@/store/hooks";
import { NameSettings } from "@/ui/NameSettings";
import { PowerControl } from "./PowerControl";

export default function HostSettings({ object: host }: { object: Item<"host"> }): ReactNode {
  return (
    <div className="hv-columns">
      <NameSettings key={host.uuid} of="host" object={host} />
      <PowerControl key={`power-${host.uuid}`} host={host} />
    </div>
  );
}
