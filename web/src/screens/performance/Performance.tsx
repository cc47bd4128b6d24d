// W17: stacked small graphs under one time, what happened meanwhile, and the same in numbers.
import { Alert, Button, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import DownloadIcon from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { isDemo } from "@/api/http";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { Nothing, Panel } from "@/ui/bits";
import { Answer } from "@/ui/Retry";
import { save } from "@/ui/save";
import { useChoice } from "@/ui/useParam";
import { Graph, type Span } from "./Graph";
import { type Mark, marksIn, useMarks } from "./marks";
import { csv, type History, load, type Metric, METRICS, type Range, RANGES, type Row, SHAPES, type Subject } from "./rrd";

/** How often is asked for what is new, in milliseconds: no more often than there is something. */
const REFRESH: Record<Range, number> = { minutes: 10_000, hours: 60_000, week: 300_000, year: 3_600_000 };
/** A pool has many hosts. */
const REFRESH_POOL_MIN = 30_000;
/** The shortest time that is looked at, in rows. */
const ROWS_MIN = 6;

const GRAPHS: ReadonlyArray<{ id: string; metrics: readonly Metric[] }> = [
  { id: "perf-graph-cpu", metrics: ["cpu"] },
  { id: "perf-graph-memory", metrics: ["memory", "memory-total"] },
  { id: "perf-graph-network", metrics: ["rx", "tx"] },
  { id: "perf-graph-disk", metrics: ["read", "write"] },
];

interface Props {
  subject: Subject;
  name: string;
  isOff?: boolean;
}

export function Performance({ subject, name, isOff = false }: Props): ReactNode {
  const { t } = useI18n();
  const [range, setRange] = useChoice("range", RANGES);
  const client = useQueryClient();
  const key = ["rrd", subject.kind, subject.uuid, range];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => load(subject, range, client.getQueryData<History>(key), signal),
    enabled: subject.hosts.length > 0,
    refetchInterval: Math.max(REFRESH[range], subject.kind === "pool" ? REFRESH_POOL_MIN : 0),
    structuralSharing: false,
  });
  if (subject.hosts.length === 0 && query.data === undefined) {
    return isOff ? <Nothing title="perf-off" body="perf-off-body" /> : <Nothing title="perf-nobody" body="perf-nobody-body" />;
  }
  return (
    <div className="hv-stack">
      <ToggleGroup aria-label={t("perf-range")}>
        {RANGES.map((each) => (
          <ToggleGroupItem key={each} buttonId={`range-${each}`} text={t(`perf-range-${each}`)} isSelected={range === each} onChange={() => setRange(each)} />
        ))}
      </ToggleGroup>
      <Answer query={query}>
        {(history) =>
          history.rows.some(({ values }) => Object.keys(values).length > 0) ? (
            <Graphs key={range} history={history} range={range} subject={subject} name={name} />
          ) : (
            <Nothing title="perf-none">
              <span>{t(`perf-none-${range}`)}</span>
            </Nothing>
          )
        }
      </Answer>
    </div>
  );
}

interface GraphsProps {
  history: History;
  range: Range;
  subject: Subject;
  name: string;
}

function Graphs({ history, range, subject, name }: GraphsProps): ReactNode {
  const { t, dateTime } = useI18n();
  const format = useFormats();
  const { rows } = history;
  const [chosen, setChosen] = useState<Span | null>(null);
  const last = rows[rows.length - 1]?.t ?? 0;
  const whole = useMemo<Span>(() => [last - SHAPES[range].span, last], [last, range]);
  const span = chosen ?? whole;
  const all = useMarks(subject, name);
  const marks = useMemo(() => marksIn(all, span), [all, span]);
  const shown = useMemo(() => rows.filter(({ t: at }) => at >= span[0] && at <= span[1]), [rows, span]);
  const known = useMemo(() => new Set(rows.flatMap(({ values }) => Object.keys(values))), [rows]);
  const graphs = GRAPHS.map((graph) => ({ ...graph, metrics: graph.metrics.filter((metric) => known.has(metric)) })).filter((graph) => graph.metrics.length > 0);
  const metrics = METRICS.filter((metric) => known.has(metric));
  const choose = useCallback(
    ([from, to]: Span) => {
      const size = Math.min(Math.max(to - from, ROWS_MIN * SHAPES[range].step), whole[1] - whole[0]);
      const start = Math.min(Math.max((from + to - size) / 2, whole[0]), whole[1] - size);
      setChosen(size >= whole[1] - whole[0] ? null : [start, start + size]);
    },
    [range, whole],
  );
  return (
    <>
      {history.silent.length > 0 && <Alert isInline variant="warning" title={t("perf-silent", { hosts: history.silent.join(", ") })} />}
      <div className="hv-buttons">
        <Brush span={span} whole={chosen === null} onSpan={choose} onAll={() => setChosen(null)} />
        <span className="hv-muted" role="status">
          {dateTime(span[0] * 1000)} – {dateTime(span[1] * 1000)}
        </span>
        <span className="hv-grow" />
        <Button variant="secondary" icon={<DownloadIcon />} onClick={() => save(`${name}-${range}.csv`, new Blob([csv(shown, metrics)], { type: "text/csv;charset=utf-8" }))}>
          {t("perf-csv")}
        </Button>
        {subject.kind === "pool" && !isDemo() && (
          <a href="/ui/haven/metrics" target="_blank" rel="noreferrer" title={t("perf-prometheus-body")}>
            {t("perf-prometheus")}
          </a>
        )}
      </div>
      <div className="hv-graphs">
        {graphs.map((graph) => (
          <Graph
            key={graph.id}
            title={t(subject.kind === "host" && graph.id === "perf-graph-disk" ? "perf-graph-disk-of-machines" : graph.id)}
            metrics={graph.metrics}
            rows={rows}
            format={format[graph.metrics[0] ?? "cpu"]}
            {...(graph.metrics.includes("cpu") ? { top: 1 } : {})}
            span={span}
            marks={marks}
            syncKey={`perf-${subject.uuid}`}
            onSpan={choose}
          />
        ))}
      </div>
      <div className="hv-columns">
        <Numbers rows={shown} metrics={metrics} format={format} />
        <Events marks={marks} />
      </div>
    </>
  );
}

type Formats = Record<Metric, (value: number) => string>;

function useFormats(): Formats {
  const { t, percent, bytes } = useI18n();
  return useMemo(() => {
    const rate = (value: number): string => t("perf-per-second", { value: bytes(value) });
    return { cpu: (value) => percent(value, value > 0 && value < 0.1 ? 1 : 0), memory: bytes, "memory-total": bytes, rx: rate, tx: rate, read: rate, write: rate };
  }, [t, percent, bytes]);
}

interface BrushProps {
  span: Span;
  whole: boolean;
  onSpan: (span: Span) => void;
  onAll: () => void;
}

/** The time that all graphs show, by buttons; with a mouse it is drawn in any graph. */
function Brush({ span: [from, to], whole, onSpan, onAll }: BrushProps): ReactNode {
  const { t } = useI18n();
  const step = (to - from) / 2;
  const blocked = whole ? t("perf-is-whole") : undefined;
  return (
    <>
      <Button variant="secondary" onClick={() => onSpan([from + step / 2, to - step / 2])}>{t("perf-closer")}</Button>
      <Act variant="secondary" blocked={blocked} onClick={() => onSpan([from - step, to - step])}>{t("perf-earlier")}</Act>
      <Act variant="secondary" blocked={blocked} onClick={() => onSpan([from + step, to + step])}>{t("perf-later")}</Act>
      <Act variant="secondary" blocked={blocked} onClick={onAll}>{t("perf-all")}</Act>
    </>
  );
}

/** The same in numbers, for those who do not see the graphs and for those who want to know exactly. */
function Numbers({ rows, metrics, format }: { rows: readonly Row[]; metrics: readonly Metric[]; format: Formats }): ReactNode {
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
          {metrics.map((metric) => {
            const values = rows.flatMap((row) => row.values[metric] ?? []);
            const latest = values[values.length - 1];
            const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
            return (
              <tr key={metric}>
                <th scope="row">{t(`perf-what-${metric}`)}</th>
                {[latest, mean, Math.max(...values)].map((value, index) => (
                  <td key={["latest", "mean", "highest"][index]}>{value === undefined || !Number.isFinite(value) ? "–" : format[metric](value)}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

function Events({ marks }: { marks: readonly Mark[] }): ReactNode {
  const { t, dateTime } = useI18n();
  return (
    <Panel title={t("perf-events")}>
      {marks.length === 0 ? (
        <p className="hv-muted">{t("perf-no-events")}</p>
      ) : (
        <ul className="hv-arrivals">
          {marks.map((mark) => (
            <li key={mark.key}>
              <i className={`hv-mark hv-mark-${mark.severity}`} aria-hidden="true" />
              <span>{mark.text}</span>
              <time className="hv-muted" dateTime={new Date(mark.t * 1000).toISOString()}>{dateTime(mark.t * 1000)}</time>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
