// W13: from "not protected" to "can lose one host", in four steps. Works without machines, too.
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { haven } from "@/actions/cli";
import { haven as routes } from "@/api/haven";
import { call, start } from "@/api/rpc";
import { useT } from "@/i18n";
import { useTolerance } from "@/model/ha";
import { type Item, useAll, usePool, useVms } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { useWorld } from "@/actions/runner";
import { useNotices } from "@/ui/notices";
import { WizardPage } from "@/ui/WizardPage";
import { useCannotProtect } from "../pool/ProtectionTile";
import { type Policy, policyWord } from "./actions";
import { CheckStep, useArmingCheck, withoutWatchdog } from "./CheckStep";
import { fixedNetworks } from "./networks";
import { MachinesStep, ReviewStep, StorageStep } from "./ProtectSteps";

export interface Eligible {
  sr: Item<"SR">;
  /** Why it cannot carry heartbeats; undefined: it can. */
  why: unknown;
}

/** Which storage can carry heartbeats, by the pool's own judgement. */
function useEligible(): { list: Eligible[]; isKnown: boolean } {
  const srs = useAll("SR");
  const refs = srs.map((sr) => sr.$ref);
  const asked = useQuery({
    queryKey: ["eligible", ...refs],
    queryFn: async () => {
      const judge = async (ref: string): Promise<[string, unknown]> => {
        try {
          await call("SR.assert_can_host_ha_statefile", ref);
          return [ref, undefined];
        } catch (error) {
          return [ref, error];
        }
      };
      return new Map(await Promise.all(refs.map(judge)));
    },
  });
  const list = srs.map((sr) => ({ sr, why: asked.data?.get(sr.$ref) }));
  return { list, isKnown: asked.data !== undefined };
}

/** Networks besides the management one that may carry heartbeats. */
const PATHS_MAX = 3;

export default function ProtectWizard(): ReactNode {
  const t = useT();
  const navigate = useNavigate();
  const world = useWorld();
  const { showError } = useNotices();
  const pool = usePool();
  const vms = useVms();
  const { list, isKnown } = useEligible();
  const cannot = useCannotProtect();
  const [picked, setPicked] = useState<ReadonlySet<string> | null>(null);
  const [changed, setChanged] = useState<ReadonlyMap<string, Policy>>(new Map());
  const [failures, setFailures] = useState<number | null>(null);
  const [profile, setProfile] = useState("default");
  const [rehearse, setRehearse] = useState(false);
  const [paths, setPaths] = useState<ReadonlySet<string> | null>(null);
  const [bare, setBare] = useState(false);
  const found = useArmingCheck();
  // What was accepted counts only as long as there is something to accept.
  const isBare = bare && withoutWatchdog(found.data).length > 0;
  const networks = fixedNetworks(useAll("network"), useAll("PIF"), useAll("host")).slice(0, PATHS_MAX);
  // A second path costs nothing, and one fault does not part the hosts then.
  const beats = networks.filter((network) => paths === null || paths.has(network.uuid));

  const fit = list.filter((each) => isKnown && each.why === undefined);
  // One is chosen where there is one; the person may choose otherwise.
  const srs = picked ?? new Set(fit.slice(0, 1).map((each) => each.sr.$ref));
  const policies = useMemo(
    () => new Map(vms.map((vm) => [vm.$ref, changed.get(vm.$ref) ?? (vm.ha_restart_priority as Policy)])),
    [vms, changed],
  );
  const tolerance = useTolerance(policies);
  const most = tolerance.data ?? 0;
  const wanted = failures ?? Math.min(1, most);
  const chosen = list.filter((each) => srs.has(each.sr.$ref)).map((each) => each.sr);

  const cli = [
    ...[...changed].flatMap(([ref, policy]) => {
      const vm = vms.find((each) => each.$ref === ref);
      return vm === undefined || vm.ha_restart_priority === policy ? [] : [haven("vm", "set", vm.name_label, "--ha", policyWord(policy))];
    }),
    haven("ha", "enable", ...chosen.flatMap((sr) => ["--heartbeat-sr", sr.name_label]), ...beats.flatMap((network) => ["--heartbeat-network", network.name_label]), ...(isBare ? ["--without-watchdog"] : []), "--profile", profile, "--failures", wanted),
    ...(rehearse ? [haven("ha", "drill")] : []),
  ];
  const finish = async (): Promise<void> => {
    if (pool === undefined) return;
    for (const vm of vms) {
      const policy = changed.get(vm.$ref);
      if (policy !== undefined && policy !== vm.ha_restart_priority) await call("VM.set_ha_restart_priority", vm.$ref, policy);
    }
    const task = await start("pool.enable_ha", chosen.map((sr) => sr.$ref), {
      profile,
      ...(beats.length > 0 ? { heartbeat_networks: beats.map((network) => network.uuid).join(",") } : {}),
      ...(isBare ? { watchdog: "none" } : {}),
    });
    await waitForTask(world.client, task);
    await call("pool.set_ha_host_failures_to_tolerate", pool.$ref, wanted);
    // Protection is on, whatever it finds; the page shows what it found.
    if (rehearse) await routes.drill().catch((error: unknown) => showError(error, { action: "drill-rehearse", object: pool.name_label }));
    await navigate("/pool/availability");
  };
  return (
    <WizardPage
      title="protect-title"
      finish="protect-turn-on"
      cancelTo="/"
      onFinish={finish}
      cli={cli}
      steps={[
        {
          id: "check",
          label: "protect-step-check",
          why: "protect-why-check",
          body: <CheckStep found={found} isBare={isBare} onBare={setBare} />,
          blocked: pool?.ha_enabled === true ? t("protect-is-on") : cannot === undefined ? undefined : t(cannot),
        },
        {
          id: "storage",
          label: "protect-step-storage",
          why: "protect-why-storage",
          body: <StorageStep list={list} isKnown={isKnown} chosen={srs} onChange={setPicked} networks={networks} paths={new Set(beats.map((network) => network.uuid))} onPaths={setPaths} />,
          blocked: chosen.length === 0 ? t("protect-no-storage-chosen") : undefined,
        },
        {
          id: "machines",
          label: "protect-step-machines",
          why: "protect-why-machines",
          body: (
            <MachinesStep
              vms={vms}
              policies={policies}
              onPolicy={(refs, policy) => setChanged(new Map([...changed, ...refs.map((ref) => [ref, policy] as const)]))}
              most={most}
              wanted={wanted}
              onWanted={setFailures}
            />
          ),
          blocked: wanted > most ? t("protect-too-many", { possible: most }) : undefined,
        },
        {
          id: "review",
          label: "protect-step-review",
          why: "protect-why-review",
          body: <ReviewStep srs={chosen} networks={beats} isBare={isBare} policies={policies} wanted={wanted} profile={profile} onProfile={setProfile} rehearse={rehearse} onRehearse={setRehearse} />,
        },
      ]}
    />
  );
}
