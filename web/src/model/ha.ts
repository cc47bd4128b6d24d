// What the page knows of high availability beside the objects: the guards' own view.
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { type Drill, type HaStatus, haven } from "@/api/haven";
import { call } from "@/api/rpc";
import type { Records } from "@/generated/xenapi";
import { type Item, usePool } from "@/store/hooks";

/** How often the guards are asked while somebody looks, in milliseconds. */
const ASK_MS = 2000;

export function useHaStatus(): UseQueryResult<HaStatus> {
  return useQuery({
    queryKey: ["ha-status"],
    queryFn: ({ signal }) => haven.haStatus(signal),
    refetchInterval: ASK_MS,
    staleTime: ASK_MS,
  });
}

export interface Planned {
  vm: Item<"VM">;
  /** Where it would run; undefined: nowhere. */
  host: string | undefined;
  /** Code of the reason why nowhere. */
  why: string | undefined;
}

/** Machines that the pool restarts when their host is lost: first by order, then by name. */
export function restartable(vms: ReadonlyArray<Item<"VM">>): Array<Item<"VM">> {
  return vms
    .filter((vm) => vm.ha_restart_priority !== "" && vm.power_state === "Running")
    .sort((a, b) => rank(a) - rank(b) || a.order - b.order || a.name_label.localeCompare(b.name_label));
}

/** What is guaranteed comes before what is tried. */
function rank(vm: Records["VM"]): number {
  return vm.ha_restart_priority === "restart" ? 0 : 1;
}

/** Where the machines of these hosts would run if the hosts failed now. */
export function usePlan(failed: readonly string[], vms: ReadonlyArray<Item<"VM">>): UseQueryResult<Planned[]> {
  const lost = restartable(vms).filter((vm) => failed.includes(vm.resident_on));
  const key = lost.map((vm) => `${vm.$ref}${vm.resident_on}${vm.ha_restart_priority}`).join();
  return useQuery({
    queryKey: ["plan", [...failed].sort().join(), key],
    enabled: failed.length > 0,
    placeholderData: (before) => before,
    queryFn: async () => {
      if (lost.length === 0) return [];
      const plan = await call("pool.ha_compute_vm_failover_plan", [...failed], lost.map((vm) => vm.$ref));
      return lost.map((vm) => ({ vm, host: plan[vm.$ref]?.["host"], why: plan[vm.$ref]?.["error_code"] }));
    },
  });
}

/** How many hosts may fail if these machines had these policies. */
export function useTolerance(policies: ReadonlyMap<string, string>): UseQueryResult<number> {
  const given = Object.fromEntries([...policies].filter(([, policy]) => policy !== ""));
  return useQuery({
    queryKey: ["tolerance", given],
    placeholderData: (before) => before,
    queryFn: () => call("pool.ha_compute_hypothetical_max_host_failures_to_tolerate", given),
  });
}

/** Whether what was promised holds: what the shield of the pool says. */
export type PoolProtection = "protected" | "at-risk" | "off";

export function usePoolProtection(): PoolProtection {
  const pool = usePool();
  if (pool?.ha_enabled !== true) return "off";
  const promised = pool.ha_host_failures_to_tolerate;
  return pool.ha_overcommitted || pool.ha_plan_exists_for < promised || pool.ha_plan_exists_for === 0 ? "at-risk" : "protected";
}

/** A pause of protection: nothing is restarted until then. */
export interface Pause {
  until: number;
  by: string;
  reason: string;
}

function parsed<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** The pause that is on at `now`; kept in the pool, so that everybody sees it. */
export function pauseOf(pool: Records["pool"] | undefined, now: number): Pause | undefined {
  const until = Number(pool?.other_config["haven_restarts_prevented_until_ms"] ?? 0);
  if (!(until > now)) return undefined;
  const asked = parsed<{ by: string; reason: string }>(pool?.other_config["haven_restarts_prevented_by"]);
  return { until, by: asked?.by ?? "", reason: asked?.reason ?? "" };
}

/** The drill that is under way, and the last one that ended. */
export function drillsOf(pool: Records["pool"] | undefined): { running: Drill | undefined; last: Drill | undefined } {
  const { other_config: config } = pool ?? { other_config: {} as Record<string, string> };
  return { running: parsed<Drill>(config["haven_drill_running"]), last: parsed<Drill>(config["haven_drill_last"]) };
}

/** Whether the pool survives the loss of any so many hosts. */
export function useSurvives(failures: number): UseQueryResult<boolean> {
  const pool = usePool();
  return useQuery({
    queryKey: ["survives", failures, pool?.ha_plan_exists_for],
    enabled: failures > 0,
    queryFn: () => call("pool.ha_failover_plan_exists", failures),
  });
}
