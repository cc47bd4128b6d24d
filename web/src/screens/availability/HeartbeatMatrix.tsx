// Host by host: does it speak over the network, does it write to storage, may it run machines.
import CheckIcon from "@patternfly/react-icons/dist/esm/icons/check-icon";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { HaHost, HaStatus } from "@/api/haven";
import { useI18n } from "@/i18n";
import { HEARD_MS } from "@/model/readiness";
import { useAll, useByUuid } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { Pill } from "@/ui/status";

const STATES: Record<string, { colour: "green" | "orange" | "red" | "grey"; text: string }> = {
  member: { colour: "green", text: "member-member" },
  live: { colour: "green", text: "member-live" },
  dying: { colour: "orange", text: "member-dying" },
  dead: { colour: "red", text: "member-dead" },
  silent: { colour: "red", text: "member-silent" },
  "not a member": { colour: "orange", text: "member-out" },
};

export function HeartbeatMatrix({ status }: { status: HaStatus }): ReactNode {
  const { t, number } = useI18n();
  const srs = useAll("SR");
  const vdis = useAll("VDI");
  // The guards name the volume; people know the storage that it is on.
  const nameOfSr = (uuid: string): string => {
    const on = vdis.find((vdi) => vdi.uuid === uuid)?.SR;
    return srs.find((sr) => sr.uuid === uuid || sr.$ref === on)?.name_label ?? t("heartbeat-storage");
  };
  const hosts = [...status.hosts].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  const paths = Math.max(1, ...hosts.map((host) => host.heard_ms?.length ?? 0));
  const networks = Array.from({ length: paths }, (_, index) => index + 1);
  return (
    <Panel title={t("heartbeats")}>
      {/* Can be scrolled with keys where it is wider than the page. */}
      <section className="hv-scroll" tabIndex={0} aria-label={t("heartbeats")}>
      <table className="hv-matrix">
        <thead>
          <tr>
            <th scope="col">{t("column-host")}</th>
            <th scope="col">{t("column-state")}</th>
            {networks.map((number) => (
              <th key={number} scope="col">{networks.length === 1 ? t("beat-network") : t("beat-network-of", { number })}</th>
            ))}
            <th scope="col">{t("beat-storage")}</th>
            <th scope="col">{t("beat-watchdog")}</th>
            <th scope="col">{t("beat-power")}</th>
            <th scope="col">{t("beat-permit")}</th>
          </tr>
        </thead>
        <tbody>
          {hosts.map((host) => (
            <Row key={host.name} host={host} networks={networks} biteMs={status.limits?.watchdog_ms} isCoordinator={host.uuid !== undefined && host.uuid === status.coordinator} />
          ))}
        </tbody>
      </table>
      </section>
      {status.statefiles.length > 0 && (
        <ul className="hv-statefiles">
          {status.statefiles.map((file) => (
            <li key={file.sr}>
              <Mark good={file.state === "good"} text={t(file.state === "good" ? "statefile-good" : "statefile-bad", { sr: nameOfSr(file.sr) })} />
              {typeof file.latency_us === "number" && <span className="hv-muted">{t("milliseconds", { value: number(file.latency_us / 1000, 1) })}</span>}
            </li>
          ))}
        </ul>
      )}
      {!status.enabled && <p className="hv-muted">{t("heartbeats-off")}</p>}
    </Panel>
  );
}

interface RowProps {
  host: HaHost;
  networks: readonly number[];
  /** How soon the watchdog resets a host whose guard hangs. */
  biteMs: number | undefined;
  isCoordinator: boolean;
}

function Row({ host, networks, biteMs, isCoordinator }: RowProps): ReactNode {
  const { t, number: digits } = useI18n();
  const row = useByUuid("host", host.uuid);
  const watchdog = host.watchdog ?? "off";
  const agents = Object.keys(row?.power_on_config ?? {}).filter((key) => /^\d+\.agent$/.test(key)).length + 1;
  const state = STATES[host.state] ?? { colour: "grey" as const, text: "member-out" };
  return (
    <tr data-host={host.name} data-state={host.state}>
      <th scope="row">
        {host.name} {isCoordinator && <span className="hv-muted">{t("coordinator")}</span>}
      </th>
      <td>
        <Pill colour={state.colour}>{t(state.text)}</Pill>
      </td>
      {networks.map((number) => {
        // The host that answers does not hear itself.
        const ms = host.heard_ms?.[number - 1];
        const good = typeof ms === "number" ? ms <= HEARD_MS : host.heard_ms === undefined && host.network;
        return (
          <td key={number}>
            <Mark good={good} text={t(good ? "beat-heard" : "beat-missing")} age={ms ?? undefined} />
          </td>
        );
      })}
      <td>
        <Mark good={host.storage} text={t(host.storage ? "beat-heard" : "beat-missing")} age={host.disk_ms ?? undefined} />
      </td>
      <td data-watchdog={watchdog}>
        {watchdog === "off" ? "–" : <Mark good={watchdog === "armed"} text={t(`watchdog-${watchdog}`)} />}
        {watchdog === "armed" && biteMs !== undefined && <span className="hv-muted"> {t("watchdog-within", { seconds: digits(biteMs / 1000, 1) })}</span>}
      </td>
      <td>
        {(row?.power_on_mode ?? "") === "" ? (
          <Link to={pathOf("host", host.uuid ?? "", "settings")}>{t("power-none")}</Link>
        ) : (
          <Mark good text={agents > 1 ? t("power-agents", { mode: row?.power_on_mode ?? "", count: agents }) : (row?.power_on_mode ?? "")} />
        )}
      </td>
      <td>{host.permit === "" ? "–" : t(`permit-${host.permit}`)}</td>
    </tr>
  );
}

interface MarkProps {
  good: boolean;
  text: string;
  /** How long ago it was seen last, in milliseconds. */
  age?: number | undefined;
}

function Mark({ good, text, age }: MarkProps): ReactNode {
  const { t, number, ago } = useI18n();
  return (
    <>
      <span className={good ? "hv-mark-good" : "hv-mark-bad"}>
        {good ? <CheckIcon /> : <TimesIcon />} {text}
      </span>
      {/* The blank between them is where the line may end. */}
      {age !== undefined && " "}
      {age !== undefined && <span className="hv-muted">{age < 10_000 ? t("milliseconds", { value: number(age) }) : ago(0, age)}</span>}
    </>
  );
}
