// States in words and colour, and the one sign of protection that is used everywhere.
import "@patternfly/react-styles/css/components/Label/label.css";
import ShieldIcon from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import PauseIcon from "@patternfly/react-icons/dist/esm/icons/pause-icon";
import PlayIcon from "@patternfly/react-icons/dist/esm/icons/play-icon";
import PowerOffIcon from "@patternfly/react-icons/dist/esm/icons/power-off-icon";
import MoonIcon from "@patternfly/react-icons/dist/esm/icons/moon-icon";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import WrenchIcon from "@patternfly/react-icons/dist/esm/icons/wrench-icon";
import type { ComponentType, ReactNode } from "react";
import type { Records, vm_power_state } from "@/generated/xenapi";
import { useT } from "@/i18n";
import { type Item, useObject, usePool } from "@/store/hooks";

type Colour = "green" | "orange" | "red" | "grey" | "blue" | "teal" | "purple";

const COLOURS: Record<Colour, string> = { green: "pf-m-green", orange: "pf-m-orange", red: "pf-m-red", grey: "", blue: "pf-m-blue", teal: "pf-m-teal", purple: "pf-m-purple" };

interface PillProps {
  colour: Colour;
  icon?: ComponentType;
  children: ReactNode;
}

/** A label in PatternFly's look. Its own component measures itself in every row of a list, which made lists jerk. */
export function Pill({ colour, icon: Icon, children }: PillProps): ReactNode {
  return (
    <span className={`pf-v6-c-label pf-m-compact ${COLOURS[colour]}`}>
      <span className="pf-v6-c-label__content">
        {Icon !== undefined && (
          <span className="pf-v6-c-label__icon">
            <Icon />
          </span>
        )}
        <span className="pf-v6-c-label__text">{children}</span>
      </span>
    </span>
  );
}

const POWER: Record<vm_power_state, { colour: Colour; icon: ComponentType; text: string }> = {
  Running: { colour: "green", icon: PlayIcon, text: "power-running" },
  Halted: { colour: "grey", icon: PowerOffIcon, text: "power-halted" },
  Paused: { colour: "orange", icon: PauseIcon, text: "power-paused" },
  Suspended: { colour: "blue", icon: MoonIcon, text: "power-suspended" },
};

export function PowerPill({ state }: { state: vm_power_state }): ReactNode {
  const t = useT();
  const { colour, icon, text } = POWER[state];
  return (
    <Pill colour={colour} icon={icon}>
      {t(text)}
    </Pill>
  );
}

export type HostState = "live" | "disabled" | "lost";

/** What a host is doing, from its row and what is measured of it. */
export function hostState(host: Records["host"], metrics: Records["host_metrics"] | undefined): HostState {
  if (metrics?.live !== true) return "lost";
  return host.enabled ? "live" : "disabled";
}

const HOST: Record<HostState, { colour: Colour; icon: ComponentType; text: string }> = {
  live: { colour: "green", icon: CheckCircleIcon, text: "host-live" },
  disabled: { colour: "orange", icon: WrenchIcon, text: "host-disabled" },
  lost: { colour: "red", icon: ExclamationCircleIcon, text: "host-lost" },
};

export function HostPill({ host }: { host: Item<"host"> }): ReactNode {
  const t = useT();
  const metrics = useObject("host_metrics", host.metrics);
  const { colour, icon, text } = HOST[hostState(host, metrics)];
  return (
    <Pill colour={colour} icon={icon}>
      {t(text)}
    </Pill>
  );
}

export type Protection = "protected" | "best-effort" | "at-risk" | "none";

/** How the pool would treat a machine whose host is lost. */
export function protectionOf(vm: Records["VM"], pool: Records["pool"] | undefined): Protection {
  if (pool?.ha_enabled !== true || vm.ha_restart_priority === "") return "none";
  if (vm.ha_restart_priority === "best-effort") return "best-effort";
  return pool.ha_overcommitted || pool.ha_plan_exists_for === 0 ? "at-risk" : "protected";
}

const SHIELD: Record<Protection, Colour> = {
  protected: "green",
  "best-effort": "orange",
  "at-risk": "red",
  none: "grey",
};

/** The shield of a machine. */
export function Shield({ vm }: { vm: Item<"VM"> }): ReactNode {
  return <ShieldPill protection={protectionOf(vm, usePool())} />;
}

export function ShieldPill({ protection }: { protection: Protection }): ReactNode {
  const t = useT();
  return (
    <Pill colour={SHIELD[protection]} icon={ShieldIcon}>
      {t(`protection-${protection}`)}
    </Pill>
  );
}
