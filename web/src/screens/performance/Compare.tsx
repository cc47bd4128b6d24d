// W17: machines beside each other: one graph a value, one line a machine, one time for all. Which they are
// stands in the address.
import { Alert, FormSelect, FormSelectOption, Label } from "@patternfly/react-core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { type Item, rowOf, useTable, useVms } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Nothing, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { pathOf } from "@/ui/links";
import { inOrder } from "@/ui/order";
import { Answer } from "@/ui/Retry";
import { useParam } from "@/ui/useParam";
import { useWork } from "@/ui/useWork";
import { Board, ChooseTimes, type Times, useTimes } from "./Board";
import { busiest, type Compared, COMPARED, columnOf, type Comparison, loadMany } from "./compare";
import { archiveLines } from "./actions";
import { REFRESH, useFormats } from "./formats";
import { type GraphRow, LINES_MAX } from "./Graph";
import { useMarks } from "./marks";
import { summary } from "./Performance";
import { type Source, UNITS } from "./rrd";

/** How many of the busiest are compared at one press. */
const BUSIEST = 5;
/** Machines that the list offers; others come from the list of machines. */
const OFFERED_MAX = 500;

export function Compare({ hosts }: { hosts: readonly Source[] }): ReactNode {
  const { t, language } = useI18n();
  const vms = useVms();
  const table = useTable("VM");
  const byHost = useTable("host");
  const [asked, setAsked] = useParam<string>("vms", "");
  const times = useTimes();
  const uuids = asked.split(",").filter((uuid) => uuid !== "");
  const chosen = uuids.slice(0, LINES_MAX).flatMap((uuid) => rowOf(table, uuid) ?? []);
  const set = (next: readonly string[]): void => setAsked(next.join(","));
  const running = inOrder(vms.filter((vm) => vm.power_state === "Running" && !uuids.includes(vm.uuid)), (vm) => vm.name_label, language);
  const { busy, error, run } = useWork();
  const sources = chosen.map((vm): Compared => {
    const host = byHost.byRef.get(vm.resident_on);
    return { uuid: vm.uuid, name: vm.name_label, host: host === undefined ? undefined : { uuid: host.uuid, name: host.name_label, cpus: 1 } };
  });
  const isFull = chosen.length >= LINES_MAX;
  return (
    <div className="hv-stack">
      <div className="hv-buttons">
        {chosen.map((vm) => (
          <Label key={vm.uuid} variant="outline" onClose={() => set(uuids.filter((uuid) => uuid !== vm.uuid))} closeBtnAriaLabel={t("compare-without", { name: vm.name_label })}>
            {vm.name_label}
          </Label>
        ))}
        {isFull ? (
          <span className="hv-muted">{t("compare-full", { most: LINES_MAX })}</span>
        ) : (
          <FormSelect className="hv-choice" aria-label={t("compare-add")} value="" onChange={(_event, uuid) => set([...uuids, uuid])}>
            <FormSelectOption value="" label={t("compare-add")} isPlaceholder />
            {running.slice(0, OFFERED_MAX).map((vm) => (
              <FormSelectOption key={vm.uuid} value={vm.uuid} label={vm.name_label} />
            ))}
          </FormSelect>
        )}
        <Act variant="secondary" isLoading={busy} blocked={busy ? t("busy") : hosts.length === 0 ? t("perf-nobody") : undefined} onClick={() => run(async () => set(await busiest(hosts, BUSIEST)))}>
          {t("compare-busiest", { count: BUSIEST })}
        </Act>
        {chosen.length > 0 && (
          <Act variant="link" blocked={undefined} onClick={() => set([])}>
            {t("clear")}
          </Act>
        )}
      </div>
      {running.length > OFFERED_MAX && <p className="hv-muted">{t("compare-more", { count: running.length - OFFERED_MAX })}</p>}
      {uuids.length > LINES_MAX && <Alert isInline variant="info" title={t("compare-many", { most: LINES_MAX, count: uuids.length })} />}
      {error !== null && <ErrorView error={error} />}
      {chosen.length === 0 ? (
        <Nothing title="compare-none" body="compare-none-body" />
      ) : (
        <>
          <ChooseTimes times={times} />
          <Lines key={`${times.range} ${chosen.map((vm) => vm.uuid).join()}`} sources={sources} vms={chosen} times={times} />
          <CliLines lines={sources.flatMap(({ uuid, host }) => (host === undefined ? [] : archiveLines({ kind: "vm", uuid, hosts: [host] }, times.range, times.extent)))} />
        </>
      )}
    </div>
  );
}

interface LinesProps {
  sources: readonly Compared[];
  vms: ReadonlyArray<Item<"VM">>;
  times: Times;
}

function Lines({ sources, vms, times: { range, step, extent } }: LinesProps): ReactNode {
  const { t } = useI18n();
  const client = useQueryClient();
  const format = useFormats();
  const key = ["rrd-compare", range, extent, ...sources.map(({ uuid }) => uuid)];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => loadMany(sources, range, extent, client.getQueryData<Comparison>(key), signal),
    refetchInterval: REFRESH[range],
    structuralSharing: false,
  });
  const marks = useMarks(useMemo(() => sources.map(({ uuid, name }) => ({ kind: "vm" as const, uuid, name })), [sources]));
  const off = sources.filter(({ host }) => host === undefined).map(({ name }) => name);
  return (
    <>
      {off.length > 0 && <Alert isInline variant="info" title={t("compare-off", { names: off.join(", ") })} />}
      <Answer query={query}>
        {({ rows, silent }) => (
          <>
            {silent.length > 0 && <Alert isInline variant="warning" title={t("compare-silent", { names: silent.join(", ") })} />}
            {rows.length === 0 ? (
              <Nothing title="perf-none">
                <span>{t(`perf-none-${range}`)}</span>
              </Nothing>
            ) : (
              <Board
                name="compare"
                range={range}
                step={step}
                extent={extent}
                rows={rows}
                graphs={COMPARED.map((metric) => ({
                  id: metric,
                  title: t(`perf-what-${metric}`),
                  series: sources.map(({ uuid, name }) => ({ id: columnOf(uuid, metric), label: name })),
                  format: format[metric],
                  ...(metric === "cpu" ? { top: 1 } : {}),
                }))}
                columns={sources.flatMap(({ uuid, name }) => COMPARED.map((metric) => [columnOf(uuid, metric), `${name} ${UNITS[metric]}`] as const))}
                marks={marks}
                numbers={(shown) => <Means rows={shown} vms={vms} />}
              />
            )}
          </>
        )}
      </Answer>
    </>
  );
}

/** The mean of each value, machine by machine. */
function Means({ rows, vms }: { rows: readonly GraphRow[]; vms: ReadonlyArray<Item<"VM">> }): ReactNode {
  const { t } = useI18n();
  const format = useFormats();
  return (
    <Panel title={t("compare-means")}>
      <section className="hv-scroll" tabIndex={0} aria-label={t("compare-means")}>
        <table className="hv-matrix">
          <thead>
            <tr>
              <th scope="col">{t("kind-vm")}</th>
              {COMPARED.map((metric) => (
                <th key={metric} scope="col">{t(`perf-what-${metric}`)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {vms.map((vm) => (
              <tr key={vm.uuid}>
                <th scope="row">
                  <Link to={pathOf("vm", vm.uuid, "performance")}>{vm.name_label}</Link>
                </th>
                {COMPARED.map((metric) => {
                  const [, mean] = summary(rows, columnOf(vm.uuid, metric));
                  return <td key={metric}>{mean === undefined ? "–" : format[metric](mean)}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}
