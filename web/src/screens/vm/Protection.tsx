// What becomes of a machine when its host is lost: whether it restarts, where, in which order; and what else brings it back.
import { FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useWorld } from "@/actions/runner";
import { ApiError } from "@/api/errors";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { usePlan } from "@/model/ha";
import { type Item, usePool, useVms } from "@/store/hooks";
import { useErrorText } from "@/ui/ErrorView";
import { HostLink, Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { NumberField } from "@/ui/NumberField";
import { Answer } from "@/ui/Retry";
import { protectionOf, ShieldPill } from "@/ui/status";
import { useNow } from "@/ui/useNow";
import { POLICIES, policyWord } from "../availability/actions";
import { useChanges } from "./useChanges";

const ORDER_MAX = 1000;
const DELAY_S_MAX = 3600;

interface Props {
  object: Item<"VM">;
}

export default function Protection({ object: vm }: Props): ReactNode {
  const { t } = useI18n();
  const now = { policy: vm.ha_restart_priority, order: vm.order, delay: vm.start_delay };
  const { shown, set, frame } = useChanges(vm, now);
  return (
    <div className="hv-columns">
      <div className="hv-stack">
        <Standing vm={vm} />
        <Backups vm={vm} />
      </div>
      <Panel title={t("settings-lost")}>
        {frame(
          <div className="hv-stack">
            <FormGroup label={t("column-policy")} fieldId="set-policy">
              <FormSelect id="set-policy" value={shown.policy} onChange={(_event, policy) => set({ policy })}>
                {POLICIES.map((policy) => (
                  <FormSelectOption key={policy} value={policy} label={t(`policy-${policyWord(policy)}`)} />
                ))}
              </FormSelect>
            </FormGroup>
            <NumberField id="set-order" label={t("column-order")} value={shown.order} min={0} max={ORDER_MAX} onChange={(value) => set({ order: Math.round(value) })} />
            <p className="hv-muted">{t("settings-order-body")}</p>
            <NumberField id="set-delay" label={t("settings-delay")} value={shown.delay} min={0} max={DELAY_S_MAX} step={5} onChange={(value) => set({ delay: Math.round(value) })} />
            <p className="hv-muted">{t("settings-delay-body")}</p>
          </div>,
        )}
      </Panel>
    </div>
  );
}

/** How it stands now: the shield and its reason, and where the machine would run if its host failed this moment. */
function Standing({ vm }: { vm: Item<"VM"> }): ReactNode {
  const { t } = useI18n();
  const errorText = useErrorText();
  const pool = usePool();
  const protection = protectionOf(vm, pool);
  const runs = vm.power_state === "Running";
  const plan = usePlan(runs && vm.ha_restart_priority !== "" && pool?.ha_enabled === true ? [vm.resident_on] : [], useVms());
  // Whether it could run elsewhere at all: a local disk or drive keeps it.
  const agile = useQuery({
    queryKey: ["agile", vm.$ref, vm.VBDs.join(), vm.VIFs.join()],
    queryFn: () => call("VM.assert_agile", vm.$ref).then(() => null, (error: unknown) => error),
  });
  const bound = agile.data === null || agile.data === undefined ? undefined : errorText(agile.data);
  return (
    <Panel title={t("tab-protection")}>
      <div className="hv-stack">
        <p>
          <ShieldPill protection={protection} />
        </p>
        <p>{t(`vm-protection-${protection}`, { order: vm.order })}</p>
        {pool?.ha_enabled !== true && <p className="hv-muted">{t("vm-protection-pool-off")}</p>}
        {bound !== undefined && <p className="hv-bad-text">{`${t("vm-protection-bound")} ${bound.what} ${bound.remedy}`.trim()}</p>}
        {plan.fetchStatus !== "idle" || plan.data !== undefined ? (
          <Answer query={plan}>
            {(planned) => {
              const mine = planned.find((each) => each.vm.$ref === vm.$ref);
              if (mine === undefined) return null;
              if (mine.host === undefined) return <p className="hv-bad-text">{`${t("vm-protection-nowhere")} ${errorText(new ApiError(mine.why ?? "NO_HOSTS_AVAILABLE")).what}`}</p>;
              return (
                <p data-testid="restarts-on">
                  {t("vm-protection-there")} <HostLink host={mine.host} />
                </p>
              );
            }}
          </Answer>
        ) : null}
        <Link to="/pool/availability">{t("see-availability")}</Link>
      </div>
    </Panel>
  );
}

/** What brings back what a host's failure cannot take: an earlier state of its disks. */
function Backups({ vm }: { vm: Item<"VM"> }): ReactNode {
  const { t, dateTime, ago } = useI18n();
  const world = useWorld();
  const now = useNow();
  const last = Math.max(0, ...vm.snapshots.map((ref) => wireTime(world.get("VM", ref)?.snapshot_time)));
  return (
    <Panel title={t("vm-backups")}>
      <div className="hv-stack">
        <p>{last > 0 ? t("vm-backups-last", { when: dateTime(last), ago: ago(last, now) }) : t("vm-no-snapshot")}</p>
        <p className="hv-muted">{t("vm-backups-body")}</p>
        <Link to={pathOf("vm", vm.uuid, "snapshots")}>{t("tab-snapshots")}</Link>
      </div>
    </Panel>
  );
}
