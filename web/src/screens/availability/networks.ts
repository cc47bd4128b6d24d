// Which networks can carry heartbeats beside that of the management.
import type { Records } from "@/generated/xenapi";
import type { Item } from "@/store/hooks";

/** Networks besides the management one in which every host has a fixed address. */
export function fixedNetworks(networks: ReadonlyArray<Item<"network">>, pifs: ReadonlyArray<Records["PIF"]>, hosts: ReadonlyArray<Item<"host">>): Array<Item<"network">> {
  return networks.filter((network) =>
    hosts.length > 0 &&
    hosts.every((host) => pifs.some((pif) => pif.network === network.$ref && pif.host === host.$ref && !pif.management && pif.IP !== "" && pif.ip_configuration_mode === "Static")),
  );
}
