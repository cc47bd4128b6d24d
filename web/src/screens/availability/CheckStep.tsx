// W13, the first step: what must be there, what should be, and what to do about what is not. What the page
// cannot know the hosts are asked.
import { Alert, Checkbox, Spinner } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import TimesCircleIcon from "@patternfly/react-icons/dist/esm/icons/times-circle-icon";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { haven as cliOf } from "@/actions/cli";
import { haven, type ArmingCheck } from "@/api/haven";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import type { Args } from "@/i18n/language";
import { carriesProtection } from "@/model/storage";
import { type Item, useAll, usePool, useTable, useVms } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView, useErrorText, useWireText } from "@/ui/ErrorView";
import { pathOf } from "@/ui/links";
import { ownName } from "@/ui/names";
import { fixedNetworks } from "./networks";

interface Check {
  id: string;
  state: "good" | "warning" | "bad";
  text: string;
  /** What to do about it. */
  remedy?: string;
  /** The command that does it. */
  command?: string;
  to?: string;
  link?: string;
}

/** What every host says of itself. */
export function useArmingCheck(): UseQueryResult<ArmingCheck> {
  const hosts = useAll("host");
  const isOff = usePool()?.ha_enabled === false;
  return useQuery({
    queryKey: ["arming-check", ...hosts.map((host) => host.uuid).sort()],
    queryFn: ({ signal }) => haven.armingCheck(signal),
    enabled: isOff && hosts.length >= 2,
    staleTime: 30_000,
    retry: false,
  });
}

/** Hosts whose watchdog stands in the way. */
export function withoutWatchdog(found: ArmingCheck | undefined): string[] {
  return (found?.hosts ?? []).filter((host) => host.checks.some(({ id, state }) => id === "watchdog" && state === "bad")).map((host) => host.name);
}

function names(rows: ReadonlyArray<{ name_label: string }>): string {
  return rows.map((row) => row.name_label).join(", ");
}

/** What the page knows by itself. */
function useChecks(): Check[] {
  const { t } = useI18n();
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const srs = useAll("SR");
  const pbds = useTable("PBD");
  const pifs = useAll("PIF");
  const networks = useAll("network");
  return useMemo(() => {
    const lost = hosts.filter((host) => metrics.byRef.get(host.metrics)?.live !== true);
    const shared = srs.filter(carriesProtection);
    const whole = shared.filter((sr) => sr.PBDs.length >= hosts.length && sr.PBDs.every((pbd) => pbds.byRef.get(pbd)?.currently_attached === true));
    const moving = hosts.filter((host) => pifs.some((pif) => pif.host === host.$ref && pif.management && pif.ip_configuration_mode === "DHCP"));
    const more = fixedNetworks(networks, pifs, hosts);
    const bare = hosts.filter((host) => (host.power_on_mode ?? "") === "");
    const check = (id: string, state: Check["state"], text: string, args: Args = {}, more_: Partial<Check> = {}): Check => ({ id, state, text: t(text, args), ...more_ });
    return [
      check("hosts", hosts.length >= 2 ? "good" : "bad", "check-hosts", { count: hosts.length }, hosts.length >= 2 ? {} : { to: "/new/host", link: "add-host" }),
      lost.length === 0 ? check("live", "good", "check-live") : check("live", "bad", "check-lost", { names: names(lost) }),
      shared.length === 0
        ? check("shared", "bad", "check-no-shared", {}, { to: "/new/storage", link: "new-storage" })
        : check("shared", "good", "check-shared", { names: names(shared) }),
      whole.length > 0 || shared.length === 0
        ? check("attached", whole.length > 0 ? "good" : "bad", whole.length > 0 ? "check-attached" : "check-attached-later")
        : check("attached", "bad", "check-detached", { names: names(shared) }, { to: pathOf("sr", shared[0]?.uuid ?? "", "paths"), link: "see-storage" }),
      moving.length === 0
        ? check("static", "good", "check-static")
        : check("static", "warning", "check-dhcp", { names: names(moving) }, { remedy: t("check-dhcp-remedy"), command: "sudo nmtui" }),
      ...(hosts.length < 2
        ? []
        : [
            hosts.length === 2 ? check("third", "warning", "check-two-hosts") : check("third", "good", "check-three-hosts"),
            more.length > 0
              ? check("paths", "good", "check-paths", { names: more.map((network) => ownName(network, t)).join(", ") })
              : check("paths", "warning", "check-one-path", {}, { remedy: t("check-one-path-remedy") }),
            bare.length === 0
              ? check("fencing", "good", "check-fencing")
              : check("fencing", "warning", "check-no-fencing", { names: names(bare) }, { remedy: t("check-no-fencing-remedy"), to: pathOf("host", bare[0]?.uuid ?? "", "settings"), link: "power-set-up" }),
          ]),
    ];
  }, [hosts, metrics, srs, pbds, pifs, networks, t]);
}

/** Machines that could not run on another host, each with its reason. */
function useBound(): Array<{ vm: Item<"VM">; why: unknown }> {
  const vms = useVms().filter((vm) => vm.ha_restart_priority === "restart");
  const asked = useQuery({
    queryKey: ["agile", ...vms.map((vm) => vm.$ref).sort()],
    enabled: vms.length > 0,
    queryFn: async () => {
      const ask = async (vm: Item<"VM">): Promise<[string, unknown]> => [vm.$ref, await call("VM.assert_agile", vm.$ref).then(() => undefined, (error: unknown) => error)];
      return new Map(await Promise.all(vms.slice(0, ASKED_MAX).map(ask)));
    },
  });
  return vms.flatMap((vm) => {
    const why = asked.data?.get(vm.$ref);
    return why === undefined ? [] : [{ vm, why }];
  });
}

/** Machines that are asked about one by one; the plan looks at all of them. */
const ASKED_MAX = 200;
/** Those that are named. */
const NAMED_MAX = 8;
const MARKS = { good: CheckCircleIcon, warning: ExclamationTriangleIcon, bad: TimesCircleIcon };

function Line({ check: { id, state, text, remedy, command, to, link } }: { check: Check }): ReactNode {
  const { t } = useI18n();
  const Icon = MARKS[state];
  return (
    <li className={`hv-check-${state}`} data-check={id} data-state={state}>
      <Icon aria-label={t(`check-state-${state}`)} /> {text} {to !== undefined && link !== undefined && <Link to={to}>{t(link)}</Link>}
      {remedy !== undefined && (
        <p className="hv-muted">
          {remedy} {command !== undefined && <code>{command}</code>}
        </p>
      )}
    </li>
  );
}

interface Props {
  found: UseQueryResult<ArmingCheck>;
  /** Whether hosts without a watchdog are accepted. */
  isBare: boolean;
  onBare: (isBare: boolean) => void;
}

export function CheckStep({ found, isBare, onBare }: Props): ReactNode {
  const { t } = useI18n();
  const errorText = useErrorText();
  const checks = useChecks();
  const bound = useBound();
  const missing = withoutWatchdog(found.data);
  return (
    <div className="hv-stack">
      <ul className="hv-checklist">
        {checks.map((check) => (
          <Line key={check.id} check={check} />
        ))}
        {bound.slice(0, NAMED_MAX).map(({ vm, why }) => (
          <Line key={vm.$ref} check={{ id: "agile", state: "warning", text: t("check-bound", { vm: vm.name_label, why: errorText(why).what }), to: pathOf("vm", vm.uuid), link: "see-machine" }} />
        ))}
        {bound.length > NAMED_MAX && <li className="hv-muted">{t("and-more", { count: bound.length - NAMED_MAX })}</li>}
      </ul>
      <HostChecks found={found} />
      {missing.length > 0 && (
        <>
          <Checkbox id="without-watchdog" isChecked={isBare} onChange={(_event, checked) => onBare(checked)} label={t("protect-bare", { names: missing.join(", ") })} />
          {isBare && <Alert isInline variant="danger" title={t("protect-bare-risk")} />}
        </>
      )}
      <p className="hv-muted">{t("check-more-later")}</p>
    </div>
  );
}

/** Host by host what it says itself: guard, watchdog, the others, the clock. */
function HostChecks({ found }: { found: UseQueryResult<ArmingCheck> }): ReactNode {
  const { t } = useI18n();
  const wireText = useWireText();
  const { data, error, isFetching } = found;
  if (data === undefined && error === null && !isFetching) return null;
  return (
    <section aria-labelledby="host-checks" className="hv-stack">
      <h3 id="host-checks">{t("check-each-host")}</h3>
      {isFetching && (
        <p className="hv-line" role="status">
          <Spinner size="md" aria-label={t("loading")} /> {t("check-asking")}
        </p>
      )}
      {error !== null && !isFetching && <ErrorView error={error} />}
      {data !== undefined && !isFetching && (
        <ul className="hv-checklist">
          {data.hosts.map((host) => (
            <li key={host.host} data-host={host.name}>
              <strong>{host.name}</strong>
              {host.error !== undefined && <p className="hv-bad-text">{wireText(host.error)}</p>}
              <ul className="hv-host-checks">
                {host.checks.map(({ id, state, text }) => {
                  const Icon = MARKS[state];
                  return (
                    <li key={id} className={`hv-check-${state}`} data-check={id} data-state={state}>
                      <Icon aria-label={t(`check-state-${state}`)} /> {t(`arming-${id}`)}
                      {state !== "good" && <p className="hv-muted">{t(`arming-${id}-${state}`)}</p>}
                      {state !== "good" && text !== "" && (
                        <p className="hv-muted" lang="en">
                          {text}
                        </p>
                      )}
                    </li>
                  );
                })}
              </ul>
            </li>
          ))}
        </ul>
      )}
      <div className="hv-buttons">
        <Act variant="secondary" size="sm" blocked={isFetching ? t("check-asking") : undefined} onClick={() => void found.refetch()}>
          {t("check-again")}
        </Act>
      </div>
      <CliLines lines={[cliOf("ha", "check")]} />
    </section>
  );
}
