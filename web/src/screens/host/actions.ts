// What is done with hosts.
import ArrowRightIcon from "@patternfly/react-icons/dist/esm/icons/arrow-right-icon";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import SyncIcon from "@patternfly/react-icons/dist/esm/icons/sync-alt-icon";
import TrashIcon from "@patternfly/react-icons/dist/esm/icons/trash-icon";
import WrenchIcon from "@patternfly/react-icons/dist/esm/icons/wrench-icon";
import { type Action, defineAction, type World } from "@/actions/action";
import { haven, xe } from "@/actions/cli";
import { start } from "@/api/rpc";
import type { Item } from "@/store/hooks";

const isLive = (host: Item<"host">, world: World): boolean => world.get("host_metrics", host.metrics)?.live === true;

export const scanPorts = defineAction<"host">({
  id: "host.scan-ports",
  of: "host",
  label: "hostnet-scan",
  icon: SyncIcon,
  group: "change",
  isBulk: true,
  blocked: (host, world) => (isLive(host, world) ? undefined : { id: "host-not-live" }),
  cli: (host) => xe("pif-scan", { "host-uuid": host.uuid }),
  run: (host) => start("PIF.scan", host.$ref),
});

export const hostActions = [
  scanPorts,
  defineAction<"host">({
    id: "host.disable",
    of: "host",
    label: "host-disable",
    icon: WrenchIcon,
    group: "change",
    isBulk: true,
    isHidden: (host) => !host.enabled,
    cli: (host) => haven("host", "disable", host.name_label),
    run: (host) => start("host.disable", host.$ref),
  }),
  defineAction<"host">({
    id: "host.enable",
    of: "host",
    label: "host-enable",
    icon: CheckCircleIcon,
    group: "change",
    isBulk: true,
    isPrimary: true,
    isHidden: (host) => host.enabled,
    blocked: (host, world) => (isLive(host, world) ? undefined : { id: "host-not-live" }),
    cli: (host) => haven("host", "enable", host.name_label),
    run: (host) => start("host.enable", host.$ref),
  }),
  defineAction<"host">({
    id: "host.evacuate",
    of: "host",
    label: "host-evacuate",
    icon: ArrowRightIcon,
    group: "move",
    isPrimary: true,
    confirm: "simple",
    confirmText: "host-evacuate-body",
    blocked: (host, world) => {
      if (world.all("host").length < 2) return { id: "vm-one-host" };
      return host.resident_VMs.length === 0 ? { id: "host-is-empty" } : undefined;
    },
    cli: (host) => haven("host", "evacuate", host.name_label),
    run: (host) => start("host.evacuate", host.$ref),
  }),
  defineAction<"host">({
    id: "host.eject",
    of: "host",
    label: "host-eject",
    icon: TrashIcon,
    group: "remove",
    confirm: "typed",
    confirmText: "host-eject-body",
    blocked: (host, world) => {
      if (world.pool?.master === host.$ref) return { id: "host-coordinates" };
      if (world.pool?.ha_enabled === true) return { id: "host-is-armed" };
      return host.resident_VMs.length > 0 ? { id: "host-not-empty" } : undefined;
    },
    cli: (host) => haven("pool", "eject", host.name_label),
    run: (host) => start("pool.eject", host.$ref),
  }),
] as unknown as Action[];
