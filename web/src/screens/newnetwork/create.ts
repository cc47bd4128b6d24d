// Making a network: its row, and its VLAN on every host. What was begun and fails is taken away again.
import { haven, xe } from "@/actions/cli";
import { call, start } from "@/api/rpc";
import type { World } from "@/actions/action";
import { waitForTask } from "@/store/taskWatch";

/** Tags that a frame can carry. */
export const TAG_MAX = 4094;

export interface WantedNetwork {
  name: string;
  description: string;
  /** Largest frame, in bytes. */
  mtu: number;
  /** Name of the port on every host, uuid of that of one, and tag; undefined: it stays within each host. */
  vlan: { device: string; port: string; tag: number } | undefined;
}

export function cliOf({ name, description, mtu, vlan }: WantedNetwork): string[] {
  const made = haven("network", "create", name, ...(description === "" ? [] : ["--description", description]), ...(mtu === 1500 ? [] : ["--mtu", mtu]));
  return vlan === undefined ? [made] : [made, xe("pool-vlan-create", { "network-uuid": "NETWORK", "pif-uuid": vlan.port, vlan: String(vlan.tag) })];
}

/** Answers the uuid of the network. */
export async function createNetwork(world: World, { name, description, mtu, vlan }: WantedNetwork): Promise<string> {
  const made = await call("network.create", { name_label: name, name_description: description, MTU: mtu, bridge: "", other_config: {}, managed: true, tags: [] });
  try {
    if (vlan !== undefined) await waitForTask(world.client, await start("pool.create_VLAN", vlan.device, made, vlan.tag));
  } catch (error) {
    // The first error is the one that matters.
    await call("network.destroy", made).catch(() => undefined);
    throw error;
  }
  return call("network.get_uuid", made);
}
