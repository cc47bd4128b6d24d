// W12: what holds the pool together right now, and what would happen if a host were lost.
import { Button, NumberInput, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { lazy, type ReactNode, Suspense, useMemo } from "react";
import { ActionMenu } from "@/actions/ActionMenu";
import { haven as cliOf } from "@/actions/cli";
import type { HaLimits, HaStatus } from "@/api/haven";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Planned, restartable, useHaStatus, usePlan, useSurvives } from "@/model/ha";
import { type Item, useAll, usePool, useVms } from "@/store/hooks";
import { HostLink, Nothing, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { useErrorText } from "@/ui/ErrorView";
import { useNotices } from "@/ui/notices";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { Answer } from "@/ui/Retry";
import { Pill } from "@/ui/status";
import { useChoice, useParam } from "@/ui/useParam";
import { ApiError } from "@/api/errors";
import { ProtectionTile } from "../pool/ProtectionTile";
import { useVmColumns } from "../pool/lists";
import { DrillReport } from "./Drills";
import { HeartbeatMatrix } from "./HeartbeatMatrix";

const Catalogue = lazy(() => import("./Catalogue"));

export default function Availability(): ReactNode {
  const { t } = useI18n();
  const status = useHaStatus();
  const [messages, setMessages] = useChoice("messages", ["closed", "open"]);
  const isOpen = messages === "open";
  return (
    <div className={isOpen ? "hv-beside" : undefined}>
      <div className="hv-stack">
        <ProtectionTile status={status.data} isThere />
        {!isOpen && (
          <div className="hv-buttons">
            <span className="hv-grow" />
            <Button variant="link" isInline onClick={() => setMessages("open")}>
              {t("messages-show")}
            </Button>
          </div>
        )}
        <Answer query={status}>
          {(data) => (
            <>
              <Controls status={data} />
              <HeartbeatMatrix status={data} />
              <WhatIf />
              <Policies />
            </>
          )}
        </Answer>
      </div>
      {isOpen && (
        <Suspense>
          <Catalogue onClose={() => setMessages("closed")} />
        </Suspense>
      )}
    </div>
  );
}

/** The promise, and what it rests on. */
function Controls({ status }: { status: HaStatus }): ReactNode {
  const { t } = useI18n();
  const pool = usePool();
  const hosts = useAll("host").length;
  const { showError } = useNotices();
  if (pool === undefined) return null;
  const wanted = pool.ha_host_failures_to_tolerate;
  const set = (value: number): void => {
    call("pool.set_ha_host_failures_to_tolerate", pool.$ref, value).catch((error: unknown) =>
      showError(error, { action: "failures-to-survive", object: pool.name_label }),
    );
  };
  return (
    <Panel title={t("promise")}>
      <div className="hv-stack">
        <div className="hv-line">
          <label htmlFor="failures">{t("failures-to-survive")}</label>
          <NumberInput
            id="failures"
            inputName="failures"
            inputAriaLabel={t("failures-to-survive")}
            minusBtnAriaLabel={t("fewer")}
            plusBtnAriaLabel={t("more")}
            value={wanted}
            min={0}
            max={Math.max(0, hosts - 1)}
            // The sentence behind it says why.
            isDisabled={!pool.ha_enabled}
            onMinus={() => set(wanted - 1)}
            onPlus={() => set(wanted + 1)}
            onChange={(event) => {
              const value = Number((event.target as HTMLInputElement).value);
              if (Number.isInteger(value) && value !== wanted) set(value);
            }}
          />
        </div>
        {!pool.ha_enabled && <p className="hv-muted">{t("promise-off")}</p>}
        <p>{t("failures-possible", { possible: status.tolerance.possible })}</p>
        {status.tolerance.text !== undefined && (
          <p className="hv-muted">{status.tolerance.text}</p>
        )}
        {status.limits !== undefined && status.limits !== null && <Limits limits={status.limits} profile={status.profile ?? "default"} />}
        <div className="hv-buttons">
          <ActionMenu of="pool" targets={[pool]} />
        </div>
        {pool.ha_enabled && <DrillReport />}
        <CliLines lines={[cliOf("ha", "status")]} />
      </div>
    </Panel>
  );
}

const LIMITS = ["restart", "takeover", "isolated", "network", "storage", "watchdog", "guests"] as const;

/** How soon what happens, by kind of fault. */
function Limits({ limits, profile }: { limits: HaLimits; profile: string }): ReactNode {
  const { t, number } = useI18n();
  return (
    <details>
      <summary>{t("timing", { profile: t(`profile-${profile}`) })}</summary>
      <ul className="hv-bounds">
        {LIMITS.map((each) => {
          const ms = limits[`${each}_ms`];
          return typeof ms === "number" && <li key={each}>{t(`limit-${each}`, { seconds: number(ms / 1000, 1) })}</li>;
        })}
      </ul>
    </details>
  );
}

/** "If host1 fails": where everything would go. Nothing is done. */
function WhatIf(): ReactNode {
  const { t } = useI18n();
  const hosts = useAll("host");
  const vms = useVms();
  // In the address: "what if host2 fails" can be sent to somebody.
  const [asked, setAsked] = useParam<string>("fails", "");
  const any = Number(/^any-(\d+)$/.exec(asked)?.[1] ?? 0);
  const failed = new Set(asked.split(",").filter((uuid) => uuid !== "" && any === 0));
  const chosen = hosts.filter((host) => failed.has(host.uuid));
  const plan = usePlan(chosen.map((host) => host.$ref), vms);
  const toggle = (uuid: string): void => {
    const next = new Set(failed);
    if (!next.delete(uuid)) next.add(uuid);
    setAsked([...next].join(","));
  };
  const sorted = [...hosts].sort((a, b) => a.name_label.localeCompare(b.name_label, undefined, { numeric: true }));
  return (
    <Panel title={t("what-if")}>
      <div className="hv-stack">
        <p className="hv-muted">{t("what-if-body")}</p>
        <ToggleGroup aria-label={t("what-if-hosts")}>
          {sorted.map((host) => (
            <ToggleGroupItem
              key={host.$ref}
              buttonId={`fails-${host.uuid}`}
              text={t("if-host-fails", { host: host.name_label })}
              isSelected={failed.has(host.uuid)}
              onChange={() => toggle(host.uuid)}
            />
          ))}
        </ToggleGroup>
        <AnyFail hosts={hosts.length} count={any} onCount={(count) => setAsked(count === 0 ? "" : `any-${count}`)} />
        {chosen.length > 0 && <Answer query={plan}>{(planned) => <PlanTable planned={planned} />}</Answer>}
        {(chosen.length > 0 || any > 0) && (
          <Button variant="link" isInline onClick={() => setAsked("")}>
            {t("clear")}
          </Button>
        )}
      </div>
    </Panel>
  );
}

/** Most hosts of which any may fail at once that are asked about. */
const ANY_MAX = 3;

/** "If any 2 fail": whether everything that is protected would run again, whichever they are. */
function AnyFail({ hosts, count, onCount }: { hosts: number; count: number; onCount: (count: number) => void }): ReactNode {
  const { t } = useI18n();
  const survives = useSurvives(count);
  if (hosts < 2) return null;
  return (
    <>
      <ToggleGroup aria-label={t("what-if-any")}>
        {Array.from({ length: Math.min(hosts - 1, ANY_MAX) }, (_, index) => index + 1).map((each) => (
          <ToggleGroupItem key={each} buttonId={`any-${each}`} text={t("if-any-fail", { count: each })} isSelected={count === each} onChange={() => onCount(count === each ? 0 : each)} />
        ))}
      </ToggleGroup>
      {count > 0 && (
        <Answer query={survives}>
          {(good) => (
            <p className={good ? "hv-good" : "hv-bad-text"} role="status">
              {t(good ? "if-any-good" : "if-any-bad", { count })}
            </p>
          )}
        </Answer>
      )}
    </>
  );
}

function PlanTable({ planned }: { planned: readonly Planned[] }): ReactNode {
  const { t } = useI18n();
  const errorText = useErrorText();
  const rows = useMemo(() => planned.map((each) => ({ ...each.vm, target: each.host, why: each.why })), [planned]);
  type Row = Item<"VM"> & { target: string | undefined; why: string | undefined };
  const columns: Array<Column<Item<"VM">>> = [
    { id: "name", label: "column-name", width: "2fr", value: (vm) => vm.name_label, cell: (vm) => vm.name_label },
    { id: "policy", label: "column-policy", cell: (vm) => t(`policy-${vm.ha_restart_priority === "" ? "none" : vm.ha_restart_priority}`) },
    { id: "order", label: "column-order", isNumber: true, width: "90px", value: (vm) => vm.order, cell: (vm) => vm.order },
    {
      id: "target",
      label: "column-restarts-on",
      width: "2fr",
      cell: (vm) => {
        const row = vm as Row;
        if (row.target !== undefined) return <HostLink host={row.target} />;
        return (
          <>
            <Pill colour="red">{t("restarts-nowhere")}</Pill> {errorText(new ApiError(row.why ?? "NO_HOSTS_AVAILABLE")).what}
          </>
        );
      },
    },
  ];
  const lost = rows.filter((row) => row.target === undefined).length;
  if (rows.length === 0) return <Nothing title="what-if-nothing" body="what-if-nothing-body" />;
  return (
    <>
      <p className={lost > 0 ? "hv-bad-text" : "hv-good"} role="status">
        {t("what-if-result", { count: rows.length - lost, lost })}
      </p>
      <ObjectTable of="VM" rows={rows} columns={columns} label="what-if" param="plan-" hasSelection={false} height="22rem" />
    </>
  );
}

/** Which machine is protected how; several can be changed at once. */
function Policies(): ReactNode {
  const { t } = useI18n();
  const vms = useVms();
  const base = useVmColumns();
  const columns = useMemo<Array<Column<Item<"VM">>>>(
    () => [
      ...base.filter((column) => ["name", "state", "shield"].includes(column.id)),
      { id: "order", label: "column-order", isNumber: true, width: "90px", value: (vm) => vm.order, cell: (vm) => vm.order },
      { id: "delay", label: "column-delay", isNumber: true, width: "110px", value: (vm) => vm.start_delay, cell: (vm) => t("seconds", { count: vm.start_delay }) },
      ...base.filter((column) => column.id === "host"),
    ],
    [base, t],
  );
  const count = restartable(vms).length;
  return (
    <Panel title={t("policies", { count })}>
      <p className="hv-muted">{t("policies-body")}</p>
      <ObjectTable of="VM" rows={vms} columns={columns} label="tab-protection" height="28rem" empty={<Nothing title="no-vms" body="no-vms-body" />} />
    </Panel>
  );
}
