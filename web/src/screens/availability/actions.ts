// What can be done about protection.
import ShieldIcon from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import CogIcon from "@patternfly/react-icons/dist/esm/icons/cog-icon";
import FlagIcon from "@patternfly/react-icons/dist/esm/icons/flag-checkered-icon";
import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import { type Action, defineAction, type Reason, type World } from "@/actions/action";
import { haven } from "@/actions/cli";
import { haven as routes } from "@/api/haven";
import { call, start } from "@/api/rpc";
import { drillsOf, pauseOf } from "@/model/ha";
import { carriesProtection } from "@/model/storage";
import type { Item } from "@/store/hooks";
import { DrillDialog, PauseDialog, SettingsDialog } from "./dialogs";

/** Policies as the pool names them, and as the command line does. */
export const POLICIES = ["restart", "best-effort", ""] as const;
export type Policy = (typeof POLICIES)[number];

export function policyWord(policy: string): string {
  return policy === "" ? "none" : policy;
}

const enable = defineAction({
  id: "pool.ha-enable",
  of: "pool",
  label: "protect-turn-on",
  icon: ShieldIcon,
  group: "change",
  isPrimary: true,
  isHidden: (pool) => pool.ha_enabled,
  blocked: (_pool, world): Reason | undefined => {
    if (world.all("host").length < 2) return { id: "protect-needs-hosts" };
    if (!world.all("SR").some(carriesProtection)) return { id: "protect-needs-storage" };
    return undefined;
  },
  cli: (_pool, world) => haven("ha", "enable", "--heartbeat-sr", world.all("SR").find(carriesProtection)?.name_label ?? "SR"),
  to: () => "/protect",
});

const disable = defineAction({
  id: "pool.ha-disable",
  of: "pool",
  label: "protect-turn-off",
  icon: PowerOffIcon,
  group: "remove",
  isHidden: (pool) => !pool.ha_enabled,
  confirm: "typed",
  confirmText: "protect-turn-off-confirm",
  cli: () => haven("ha", "disable"),
  run: () => start("pool.disable_ha"),
});

/** Lost machines wait for their restart: for work that makes hosts come and go. */
const pause = defineAction({
  id: "pool.ha-pause",
  of: "pool",
  label: "protect-pause",
  icon: PauseIcon,
  group: "power",
  isHidden: (pool) => !pool.ha_enabled || pauseOf(pool, Date.now()) !== undefined,
  cli: () => haven("ha", "pause", "1h", "--reason", "…"),
  dialog: PauseDialog,
});

export const resume = defineAction({
  id: "pool.ha-resume",
  of: "pool",
  label: "protect-go-on",
  icon: PlayIcon,
  group: "power",
  isHidden: (pool) => !pool.ha_enabled || pauseOf(pool, Date.now()) === undefined,
  confirm: "simple",
  confirmText: "protect-go-on-confirm",
  cli: () => haven("ha", "resume"),
  run: async () => {
    await routes.pause(0);
    return undefined;
  },
});

export const drill = defineAction({
  id: "pool.ha-drill",
  of: "pool",
  label: "drill",
  icon: FlagIcon,
  group: "change",
  isHidden: (pool) => !pool.ha_enabled,
  blocked: (pool): Reason | undefined => {
    const { running } = drillsOf(pool);
    return running === undefined ? undefined : { id: "drill-is-running", args: { host: running.host ?? "" } };
  },
  cli: () => haven("ha", "drill"),
  dialog: DrillDialog,
});

const settings = defineAction({
  id: "pool.ha-settings",
  of: "pool",
  label: "protect-settings",
  icon: CogIcon,
  group: "change",
  isHidden: (pool) => !pool.ha_enabled,
  cli: (pool) => haven("ha", "set", "--profile", pool.ha_configuration["profile"] ?? "default"),
  dialog: SettingsDialog,
});

export const poolActions = [enable, pause, resume, drill, settings, disable] as unknown as Action[];

function policyAction(policy: Policy, label: string): Action<"VM"> {
  const blocked = (vm: Item<"VM">, _world: World): Reason | undefined =>
    vm.ha_restart_priority === policy ? { id: "policy-is-so-already" } : undefined;
  return defineAction({
    id: `vm.ha-${policyWord(policy)}`,
    of: "VM",
    label,
    icon: ShieldIcon,
    group: "change",
    isBulk: true,
    isHidden: (vm) => vm.is_a_template,
    blocked,
    cli: (vm) => haven("vm", "set", vm.name_label, "--ha", policyWord(policy)),
    run: async (vm) => {
      await call("VM.set_ha_restart_priority", vm.$ref, policy);
      return undefined;
    },
  });
}

export const vmActions = [
  policyAction("restart", "policy-restart-do"),
  policyAction("best-effort", "policy-best-effort-do"),
  policyAction("", "policy-none-do"),
] as unknown as Action[];
