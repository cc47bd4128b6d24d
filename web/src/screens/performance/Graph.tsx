// One small graph. All graphs of a page share the time that they show and the cursor.
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";
import { useI18n } from "@/i18n";
import type { Mark } from "./marks";
import type { Metric, Row } from "./rrd";

const HEIGHT = 130;
/** A drag of fewer pixels is a click. */
const DRAG_MIN = 5;
const DAY = 86_400;
/** Steps of an axis of bytes: its numbers stay round in KiB, MiB, GiB. */
const BINARY = Array.from({ length: 60 }, (_, power) => 2 ** power);

const COLOURS = {
  light: { lines: ["#0066cc", "#b1560f"], danger: "#b1380b", warning: "#8a6100", info: "#5b6670" },
  dark: { lines: ["#73bcf7", "#f4b678"], danger: "#ff8a7a", warning: "#f9d67a", info: "#b8bbbe" },
};

export type Span = readonly [from: number, to: number];

interface Props {
  title: string;
  metrics: readonly Metric[];
  rows: readonly Row[];
  format: (value: number) => string;
  /** What the axis ends at, if it does not follow the values. */
  top?: number;
  span: Span;
  marks: readonly Mark[];
  syncKey: string;
  onSpan: (span: Span) => void;
}

/** Times of the axis, as long as the span needs. */
function timeLabels(language: string, from: number, to: number): Intl.DateTimeFormat {
  const span = to - from;
  if (span <= 1200) return new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  if (span <= 1.5 * DAY) return new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
  if (span <= 60 * DAY) return new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short" });
  return new Intl.DateTimeFormat(language, { month: "short", year: "numeric" });
}

function columns(rows: readonly Row[], metrics: readonly Metric[]): uPlot.AlignedData {
  return [rows.map(({ t }) => t), ...metrics.map((metric) => rows.map(({ values }) => values[metric] ?? null))];
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
  const { title, metrics, rows, format, span, marks } = props;
  const { t, language, dateTime } = useI18n();
  const theme = useTheme();
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // What the plot asks when it draws; it is made anew only when its looks change.
  const now = useRef(props);
  const [at, setAt] = useState<number | null>(null);
  const heading = useId();
  const colours = COLOURS[theme];
  const names = metrics.join();

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
        cursor: { sync: { key: now.current.syncKey }, drag: { x: true, y: false, setScale: false } },
        scales: {
          x: { time: true, range: () => [...now.current.span] },
          y: { range: (_plot, _low, high) => [0, now.current.top ?? Math.max(1, high * 1.15)] },
        },
        axes: [
          { ...axis, size: 30, space: 85, values: (_plot, splits) => splits.map((each) => timeLabels(language, ...now.current.span).format(each * 1000)) },
          { ...axis, size: 84, space: 28, ...(now.current.top === undefined ? { incrs: BINARY } : {}), values: (_plot, splits) => splits.map((each) => now.current.format(each)) },
        ],
        series: [
          {},
          ...names.split(",").map((metric, index) => {
            const stroke = colours.lines[index] ?? soft;
            return { label: metric, stroke, width: 1.5, ...(index === 0 ? { fill: `${stroke}22` } : { dash: [6, 3] }) };
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
      columns(now.current.rows, now.current.metrics),
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
  }, [language, colours, names]);

  useEffect(() => {
    now.current = { ...now.current, rows, span, marks };
    plot.current?.setData(columns(rows, names.split(",") as Metric[]));
  }, [rows, span, marks, names]);

  const row = (at === null ? undefined : rows[at]) ?? rows[rows.length - 1];
  const said = metrics.map((metric) => ({ metric, label: t(`perf-${metric}`), value: row?.values[metric] }));
  const text = said.map(({ label, value }) => `${label} ${value === undefined ? "–" : format(value)}`).join(", ");
  return (
    <section className="hv-graph" aria-labelledby={heading}>
      <div className="hv-graph-head">
        <h2 id={heading}>{title}</h2>
        <span className="hv-graph-legend">
          {at !== null && row !== undefined && <span>{dateTime(row.t * 1000)}</span>}
          {said.map(({ metric, label, value }, index) => (
            <span key={metric}>
              <i className={index === 0 ? "hv-graph-line" : "hv-graph-line hv-graph-dash"} style={{ borderColor: colours.lines[index] }} aria-hidden="true" />
              {label} <strong>{value === undefined ? "–" : format(value)}</strong>
            </span>
          ))}
        </span>
      </div>
      <div ref={frame} className="hv-graph-frame" role="img" aria-label={`${title}: ${text}`} />
    </section>
  );
}
