// Stacked graphs under one time, which is drawn in any of them; what happened meanwhile, and a file for
// other programs.
import { Button, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import DownloadIcon from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { type ReactNode, useCallback, useMemo, useState } from "react";
import { isDemo } from "@/api/http";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { Panel } from "@/ui/bits";
import { save } from "@/ui/save";
import { Graph, type GraphRow, type Series, type Span } from "./Graph";
import { type Mark, marksIn } from "./marks";
import { useChoice, useParam } from "@/ui/useParam";
import { csv, type Extent, EXTENTS, type Range, RANGES, rollUp, ROLLUPS, SHAPES } from "./rrd";

/** The shortest time that is looked at, in rows. */
const ROWS_MIN = 6;

export interface BoardGraph {
  id: string;
  title: string;
  series: readonly Series[];
  format: (value: number) => string;
  /** What the axis ends at, if it does not follow the values. */
  top?: number;
}

interface Props {
  /** Name of the file, without its ending. */
  name: string;
  range: Range;
  /** Seconds that a point stands for, and what it says of them. */
  step: number;
  extent: Extent;
  rows: readonly GraphRow[];
  graphs: readonly BoardGraph[];
  /** Columns of the file: names of values, and headings. */
  columns: ReadonlyArray<readonly [id: string, heading: string]>;
  marks: readonly Mark[];
  /** The same in numbers, of the time that is shown. */
  numbers: (shown: readonly GraphRow[]) => ReactNode;
}

/** How long a point stands for, as the address says; what the archive has where it says nothing that fits. */
function useRollUp(range: Range): [step: number, set: (step: number) => void] {
  const [asked, setAsked] = useParam<string>("rollup", "");
  const own = ROLLUPS[range][0];
  const step = ROLLUPS[range].find((each) => String(each) === asked) ?? own;
  return [step, (next) => setAsked(next === own ? "" : String(next))];
}

/** What is looked at, as the address says. */
export interface Times {
  range: Range;
  onRange: (range: Range) => void;
  step: number;
  onStep: (step: number) => void;
  extent: Extent;
  /** None: there is nothing to choose. */
  onExtent: ((extent: Extent) => void) | undefined;
}

/** `isSum`: of several hosts, whose highest values are not of one moment. */
export function useTimes(isSum = false): Times {
  const [range, onRange] = useChoice("range", RANGES);
  const [step, onStep] = useRollUp(range);
  const [asked, setExtent] = useChoice("value", EXTENTS);
  // A sample is a sample.
  const isOne = isSum || step === SHAPES.minutes.step;
  return { range, onRange, step, onStep, extent: isOne ? "mean" : asked, onExtent: isOne ? undefined : setExtent };
}

/** Which time is shown, and how finely. */
export function ChooseTimes({ times: { range, onRange, step, onStep, extent, onExtent } }: { times: Times }): ReactNode {
  const { t, duration } = useI18n();
  return (
    <div className="hv-buttons">
      <ToggleGroup aria-label={t("perf-range")}>
        {RANGES.map((each) => (
          <ToggleGroupItem key={each} buttonId={`range-${each}`} text={t(`perf-range-${each}`)} isSelected={range === each} onChange={() => onRange(each)} />
        ))}
      </ToggleGroup>
      <span className="hv-muted" id="rollup-label">{t("perf-rollup")}</span>
      <ToggleGroup aria-labelledby="rollup-label">
        {ROLLUPS[range].map((each) => (
          <ToggleGroupItem key={each} buttonId={`rollup-${each}`} text={duration(each)} isSelected={step === each} onChange={() => onStep(each)} />
        ))}
      </ToggleGroup>
      {onExtent !== undefined && (
        <ToggleGroup aria-label={t("perf-extent")}>
          {EXTENTS.map((each) => (
            <ToggleGroupItem key={each} buttonId={`extent-${each}`} text={t(`perf-extent-${each}`)} isSelected={extent === each} onChange={() => onExtent(each)} />
          ))}
        </ToggleGroup>
      )}
      {extent !== "mean" && <p className="hv-muted">{t("perf-extent-body")}</p>}
    </div>
  );
}

export function Board({ name, range, step, extent, rows: fine, graphs, columns, marks: all, numbers }: Props): ReactNode {
  const { t, dateTime } = useI18n();
  const [chosen, setChosen] = useState<Span | null>(null);
  const rows = useMemo(() => (step === SHAPES[range].step ? fine : rollUp(fine, step, extent)), [fine, step, extent, range]);
  const last = rows[rows.length - 1]?.t ?? 0;
  const whole = useMemo<Span>(() => [last - SHAPES[range].span, last], [last, range]);
  const span = chosen ?? whole;
  const marks = useMemo(() => marksIn(all, span), [all, span]);
  const shown = useMemo(() => rows.filter(({ t: at }) => at >= span[0] && at <= span[1]), [rows, span]);
  const choose = useCallback(
    ([from, to]: Span) => {
      const size = Math.min(Math.max(to - from, ROWS_MIN * step), whole[1] - whole[0]);
      const start = Math.min(Math.max((from + to - size) / 2, whole[0]), whole[1] - size);
      setChosen(size >= whole[1] - whole[0] ? null : [start, start + size]);
    },
    [step, whole],
  );
  return (
    <>
      <div className="hv-buttons">
        <Brush span={span} whole={chosen === null} onSpan={choose} onAll={() => setChosen(null)} />
        <span className="hv-muted" role="status">
          {dateTime(span[0] * 1000)} – {dateTime(span[1] * 1000)}
        </span>
        <span className="hv-grow" />
        <Button variant="secondary" icon={<DownloadIcon />} onClick={() => save(`${name}-${range}-${step}s${extent === "mean" ? "" : `-${extent}`}.csv`, new Blob([csv(shown, columns, marks)], { type: "text/csv;charset=utf-8" }))}>
          {t("perf-csv")}
        </Button>
        {!isDemo() && (
          <a href="/ui/haven/metrics" target="_blank" rel="noreferrer" title={t("perf-prometheus-body")}>
            {t("perf-prometheus")}
          </a>
        )}
      </div>
      <div className="hv-graphs">
        {graphs.map(({ id, ...graph }) => (
          <Graph key={id} {...graph} rows={rows} span={span} marks={marks} syncKey={`perf-${name}`} onSpan={choose} />
        ))}
      </div>
      <div className="hv-columns">
        {numbers(shown)}
        <Events marks={marks} />
      </div>
    </>
  );
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
