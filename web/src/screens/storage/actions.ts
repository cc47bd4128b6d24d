// What is done with storage.
import SyncIcon from "@patternfly/react-icons/dist/esm/icons/sync-alt-icon";
import WrenchIcon from "@patternfly/react-icons/dist/esm/icons/wrench-icon";
import UnlinkIcon from "@patternfly/react-icons/dist/esm/icons/unlink-icon";
import { type Action, defineAction, type World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { start } from "@/api/rpc";
import type { Item } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";

/** Connections that are not there although their host lives. */
function detached(sr: Item<"SR">, world: World): Array<Item<"PBD">> {
  return world.all("PBD").filter((pbd) => pbd.SR === sr.$ref && !pbd.currently_attached);
}

export const srActions = [
  defineAction<"SR">({
    id: "sr.scan",
    of: "SR",
    label: "sr-scan",
    icon: SyncIcon,
    group: "change",
    isPrimary: true,
    isBulk: true,
    cli: (sr) => haven("sr", "scan", sr.name_label),
    run: (sr) => start("SR.scan", sr.$ref),
  }),
  defineAction<"SR">({
    id: "sr.repair",
    of: "SR",
    label: "sr-repair",
    icon: WrenchIcon,
    group: "change",
    isBulk: true,
    blocked: (sr, world) => (detached(sr, world).length === 0 ? { id: "sr-is-whole" } : undefined),
    cli: (sr) => haven("sr", "repair", sr.name_label),
    run: async (sr, world) => {
      for (const pbd of detached(sr, world)) await waitForTask(world.client, await start("PBD.plug", pbd.$ref));
      return undefined;
    },
  }),
  defineAction<"SR">({
    id: "sr.forget",
    of: "SR",
    label: "sr-forget",
    icon: UnlinkIcon,
    group: "remove",
    confirm: "typed",
    confirmText: "sr-forget-body",
    blocked: (sr, world) => (world.pool?.ha_enabled === true && sr.shared ? { id: "sr-may-carry-heartbeats" } : undefined),
    cli: (sr) => haven("sr", "forget", sr.name_label),
    run: (sr) => start("SR.forget", sr.$ref),
  }),
] as unknown as Action[];
