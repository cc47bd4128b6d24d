// W17: what one object uses: small graphs under one time, what happened meanwhile, and the same in numbers.
import { Alert } from "@patternfly/react-core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { useI18n } from "@/i18n";
import { Nothing, Panel } from "@/ui/bits";
import { Answer } from "@/ui/Retry";
import { CliLines } from "@/ui/CliLines";
import { archiveLines } from "./actions";
import { Board, ChooseTimes, type Times, useTimes } from "./Board";
import { type Formats, REFRESH, useFormats } from "./formats";
import type { GraphRow } from "./Graph";
import { useMarks } from "./marks";
import { type History, load, type Metric, METRICS, type Subject, UNITS } from "./rrd";

/** A pool has many hosts. */
const REFRESH_POOL_MIN = 30_000;

const GRAPHS: ReadonlyArray<{ id: string; metrics: readonly Metric[] }> = [
  { id: "perf-graph-cpu", metrics: ["cpu"] },
  { id: "perf-graph-memory", metrics: ["memory", "memory-total"] },
  { id: "perf-graph-network", metrics: ["rx", "tx"] },
  { id: "perf-graph-disk", metrics: ["read", "write"] },
  { id: "perf-graph-room", metrics: ["used", "size"] },
  { id: "perf-graph-promised", metrics: ["promised", "size"] },
];

interface Props {
  subject: Subject;
  name: string;
  isOff?: boolean;
}

export function Performance({ subject, name, isOff = false }: Props): ReactNode {
  const { t } = useI18n();
  const times = useTimes(subject.kind === "pool");
  const { range, extent } = times;
  const client = useQueryClient();
  const key = ["rrd", subject.kind, subject.uuid, range, ...(extent === "mean" ? [] : [extent])];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => load(subject, range, client.getQueryData<History>(key), signal, extent),
    enabled: subject.hosts.length > 0,
    refetchInterval: Math.max(REFRESH[range], subject.kind === "pool" ? REFRESH_POOL_MIN : 0),
    structuralSharing: false,
  });
  if (subject.hosts.length === 0 && query.data === undefined) {
    return isOff ? <Nothing title="perf-off" body="perf-off-body" /> : <Nothing title="perf-nobody" body="perf-nobody-body" />;
  }
  return (
    <div className="hv-stack">
      <ChooseTimes times={times} />
      <Answer query={query}>
        {(history) =>
          history.rows.some(({ values }) => Object.keys(values).length > 0) ? (
            <Graphs key={range} history={history} times={times} subject={subject} name={name} />
          ) : (
            <Nothing title="perf-none">
              <span>{t(`perf-none-${range}`)}</span>
            </Nothing>
          )
        }
      </Answer>
      <CliLines lines={archiveLines(subject, range, extent)} />
    </div>
  );
}

interface GraphsProps {
  history: History;
  times: Times;
  subject: Subject;
  name: string;
}

function Graphs({ history, times: { range, step, extent }, subject, name }: GraphsProps): ReactNode {
  const { t } = useI18n();
  const format = useFormats();
  const { rows } = history;
  const { kind, uuid } = subject;
  const marks = useMarks(useMemo(() => [{ kind, uuid, name }], [kind, uuid, name]));
  const known = useMemo(() => new Set(rows.flatMap(({ values }) => Object.keys(values))), [rows]);
  const metrics = METRICS.filter((metric) => known.has(metric));
  const graphs = GRAPHS.map((graph) => ({ ...graph, metrics: graph.metrics.filter((metric) => known.has(metric)) }))
    .filter((graph) => graph.metrics.length > 0)
    .map(({ id, metrics: drawn }) => ({
      id,
      title: t(kind === "host" && id === "perf-graph-disk" ? "perf-graph-disk-of-machines" : id),
      series: drawn.map((metric) => ({ id: metric, label: t(`perf-${metric}`) })),
      format: format[drawn[0] ?? "cpu"],
      ...(drawn.includes("cpu") ? { top: 1 } : {}),
    }));
  return (
    <>
      {history.silent.length > 0 && <Alert isInline variant="warning" title={t("perf-silent", { hosts: history.silent.join(", ") })} />}
      <Board
        name={name}
        range={range}
        step={step}
        extent={extent}
        rows={rows}
        graphs={graphs}
        columns={metrics.map((metric) => [metric, UNITS[metric]] as const)}
        marks={marks}
        numbers={(shown) => <Numbers rows={shown} metrics={metrics} format={format} />}
      />
    </>
  );
}

/** The latest, the mean and the highest of some values; undefined: nothing is known. */
export function summary(rows: readonly GraphRow[], id: string): [latest: number | undefined, mean: number | undefined, highest: number | undefined] {
  const values = rows.flatMap((row) => row.values[id] ?? []);
  if (values.length === 0) return [undefined, undefined, undefined];
  return [values[values.length - 1], values.reduce((sum, value) => sum + value, 0) / values.length, Math.max(...values)];
}

/** The same in numbers, for those who do not see the graphs and for those who want to know exactly. */
function Numbers({ rows, metrics, format }: { rows: readonly GraphRow[]; metrics: readonly Metric[]; format: Formats }): ReactNode {
  const { t } = useI18n();
  return (
    <Panel title={t("perf-numbers")}>
      <table className="hv-matrix">
        <thead>
          <tr>
            {(["what", "latest", "mean", "highest"] as const).map((each) => (
              <th key={each} scope="col">{t(`perf-column-${each}`)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {metrics.map((metric) => (
            <tr key={metric}>
              <th scope="row">{t(`perf-what-${metric}`)}</th>
              {summary(rows, metric).map((value, index) => (
                <td key={["latest", "mean", "highest"][index]}>{value === undefined ? "–" : format[metric](value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
