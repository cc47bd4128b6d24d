// On which network machines move: networks in which hosts have addresses, and the pool's choice among them.
import type { Records } from "@/generated/xenapi";
import { type Item, useAll } from "@/store/hooks";

/** Key of the pool's `other_config`: uuid of the network of all moves; the same in the daemon. */
export const MOVE_NETWORK = "migration_network";

export interface MoveNetwork {
  network: Item<"network">;
  /** References of the hosts that have an address in it. */
  hosts: ReadonlySet<string>;
  /** It is where the pool knows its hosts anyway. */
  isManagement: boolean;
}

/** Networks in which at least two hosts have addresses; the management network first. */
export function useMoveNetworks(): MoveNetwork[] {
  const networks = useAll("network");
  const ports = useAll("PIF").filter((port) => port.IP !== "");
  const found = networks.map((network): MoveNetwork => {
    const mine = ports.filter((port) => port.network === network.$ref);
    return { network, hosts: new Set(mine.map((port) => port.host)), isManagement: mine.some((port) => port.management) };
  });
  return found.filter(({ hosts }) => hosts.size > 1).sort((a, b) => Number(b.isManagement) - Number(a.isManagement));
}

/** The network of all moves as the pool has it; undefined: the hosts' own addresses. */
export function chosenForMoves(pool: Records["pool"] | undefined, networks: readonly MoveNetwork[]): MoveNetwork | undefined {
  const uuid = pool?.other_config[MOVE_NETWORK];
  return networks.find(({ network, isManagement }) => network.uuid === uuid && !isManagement);
}
