// One small graph. All graphs of a page share the time that they show and the cursor.
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";
import { useI18n } from "@/i18n";
import type { Mark } from "./marks";

const HEIGHT = 130;
/** A drag of fewer pixels is a click. */
const DRAG_MIN = 5;
const DAY = 86_400;
/** Steps of an axis of bytes: its numbers stay round in KiB, MiB, GiB. */
const BINARY = Array.from({ length: 60 }, (_, power) => 2 ** power);

const COLOURS = {
  light: { lines: ["#0066cc", "#b1560f", "#3d7317", "#5e40be", "#a30000", "#147878"], danger: "#b1380b", warning: "#8a6100", info: "#5b6670" },
  dark: { lines: ["#73bcf7", "#f4b678", "#afdc8f", "#b6a6e9", "#f9a8a2", "#63bdbd"], danger: "#ff8a7a", warning: "#f9d67a", info: "#b8bbbe" },
};
/** Lines that a graph tells apart. */
export const LINES_MAX = COLOURS.light.lines.length;
/** So that they can be told apart without colours, too. */
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [12, 4], [4, 2, 4, 6]];

export type Span = readonly [from: number, to: number];

/** A line of the graph: the name of its values in the rows, and what people call it. */
export interface Series {
  id: string;
  label: string;
}

export interface GraphRow {
  /** Seconds since 1970. */
  t: number;
  values: Readonly<Record<string, number | undefined>>;
}

interface Props {
  title: string;
  series: readonly Series[];
  rows: readonly GraphRow[];
  format: (value: number) => string;
  /** What the axis ends at, if it does not follow the values. */
  top?: number;
  span: Span;
  marks: readonly Mark[];
  syncKey: string;
  onSpan: (span: Span) => void;
}

/** Times of the axis, as long as the span needs. */
function timeLabels(language: string, zone: string, from: number, to: number): Intl.DateTimeFormat {
  const timeZone = zone === "" ? {} : { timeZone: zone };
  const span = to - from;
  if (span <= 1200) return new Intl.DateTimeFormat(language, { timeStyle: "medium", ...timeZone });
  if (span <= 1.5 * DAY) return new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", ...timeZone });
  if (span <= 60 * DAY) return new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", ...timeZone });
  return new Intl.DateTimeFormat(language, { month: "short", year: "numeric", ...timeZone });
}

function columns(rows: readonly GraphRow[], ids: readonly string[]): uPlot.AlignedData {
  return [rows.map(({ t }) => t), ...ids.map((id) => rows.map(({ values }) => values[id] ?? null))];
}

function drawMarks(plot: uPlot, marks: readonly Mark[], colours: (typeof COLOURS)["light"]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const size = 5 * uPlot.pxRatio;
  for (const { t, severity } of marks) {
    const x = Math.round(plot.valToPos(t, "x", true));
    ctx.strokeStyle = colours[severity];
    ctx.fillStyle = colours[severity];
    ctx.lineWidth = uPlot.pxRatio;
    ctx.setLineDash([size, size]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + 1.6 * size);
    ctx.fill();
  }
  ctx.restore();
}

export function Graph(props: Props): ReactNode {
  const { title, series, rows, format, span, marks } = props;
  const { language, chosenZone, dateTime } = useI18n();
  const theme = useTheme();
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // What the plot asks when it draws; it is made anew only when its looks change.
  const now = useRef(props);
  const [at, setAt] = useState<number | null>(null);
  const heading = useId();
  const colours = COLOURS[theme];
  const names = series.map(({ id }) => id).join();
  const isOne = series.length < 3;

  useEffect(() => {
    now.current = props;
  });

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const style = getComputedStyle(element);
    const [soft, line] = [style.getPropertyValue("--hv-soft").trim(), style.getPropertyValue("--hv-line").trim()];
    const axis: uPlot.Axis = { stroke: soft, grid: { stroke: line, width: 0.5 }, ticks: { stroke: line, width: 0.5 }, font: "12px system-ui, sans-serif" };
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        ...(chosenZone === "" ? {} : { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), chosenZone) }),
        cursor: { sync: { key: now.current.syncKey }, drag: { x: true, y: false, setScale: false } },
        scales: {
          x: { time: true, range: () => [...now.current.span] },
          y: { range: (_plot, _low, high) => [0, now.current.top ?? Math.max(1, high * 1.15)] },
        },
        axes: [
          { ...axis, size: 30, space: 85, values: (_plot, splits) => splits.map((each) => timeLabels(language, chosenZone, ...now.current.span).format(each * 1000)) },
          { ...axis, size: 84, space: 28, ...(now.current.top === undefined ? { incrs: BINARY } : {}), values: (_plot, splits) => splits.map((each) => now.current.format(each)) },
        ],
        series: [
          {},
          ...names.split(",").map((label, index) => {
            const stroke = colours.lines[index] ?? soft;
            return { label, stroke, width: 1.5, dash: DASHES[index] ?? [], ...(index === 0 && isOne ? { fill: `${stroke}22` } : {}) };
          }),
        ],
        hooks: {
          draw: [(self) => drawMarks(self, now.current.marks, colours)],
          setCursor: [(self) => setAt(self.cursor.idx ?? null)],
          setSelect: [
            (self) => {
              const { left, width } = self.select;
              if (width === 0) return;
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              if (width >= DRAG_MIN) now.current.onSpan([self.posToVal(left, "x"), self.posToVal(left + width, "x")]);
            },
          ],
        },
      },
      columns(now.current.rows, names.split(",")),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [language, chosenZone, colours, names, isOne]);

  useEffect(() => {
    now.current = { ...now.current, rows, span, marks };
    plot.current?.setData(columns(rows, names.split(",")));
  }, [rows, span, marks, names]);

  const row = (at === null ? undefined : rows[at]) ?? rows[rows.length - 1];
  const said = series.map(({ id, label }) => ({ id, label, value: row?.values[id] }));
  const text = said.map(({ label, value }) => `${label} ${value === undefined ? "–" : format(value)}`).join(", ");
  return (
    <section className="hv-graph" aria-labelledby={heading}>
      <div className="hv-graph-head">
        <h2 id={heading}>{title}</h2>
        <span className="hv-graph-legend">
          {at !== null && row !== undefined && <span>{dateTime(row.t * 1000)}</span>}
          {said.map(({ id, label, value }, index) => (
            <span key={id}>
              <svg className="hv-graph-line" viewBox="0 0 24 4" aria-hidden="true">
                <path d="M0 2H24" stroke={colours.lines[index]} strokeWidth="2.5" strokeDasharray={(DASHES[index] ?? []).join(" ")} />
              </svg>
              {label} <strong>{value === undefined ? "–" : format(value)}</strong>
            </span>
          ))}
        </span>
      </div>
      <div ref={frame} className="hv-graph-frame" role="img" aria-label={`${title}: ${text}`} />
    </section>
  );
}
