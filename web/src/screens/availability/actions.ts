// What can be done about protection.
import ShieldIcon from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import { type Action, defineAction, type Reason, type World } from "@/actions/action";
import { haven, xe } from "@/actions/cli";
import { call, start } from "@/api/rpc";
import { carriesProtection } from "@/model/storage";
import type { Item } from "@/store/hooks";

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

/** Lost machines wait for their restart for so long: for work that makes hosts come and go. */
function pause(minutes: number): Action<"pool"> {
  return defineAction({
    id: `pool.ha-pause-${minutes}`,
    of: "pool",
    label: minutes === 0 ? "protect-go-on" : `protect-pause-${minutes}`,
    group: "power",
    isHidden: (pool) => !pool.ha_enabled,
    confirm: "simple",
    confirmText: minutes === 0 ? "protect-go-on-confirm" : "protect-pause-confirm",
    cli: () => xe("pool-ha-prevent-restarts-for", { seconds: String(minutes * 60) }),
    run: async () => {
      await call("pool.ha_prevent_restarts_for", minutes * 60);
      return undefined;
    },
  });
}

const PAUSES_MIN = [15, 60, 240, 0];

export const poolActions = [enable, disable, ...PAUSES_MIN.map(pause)] as unknown as Action[];

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
