// A line without axes: which way something goes, beside the number that it is now.
import type { ReactNode } from "react";

const WIDTH = 120;
const HEIGHT = 32;

interface Props {
  /** What it shows, with its latest value; read out instead of the line. */
  label: string;
  /** Oldest first; a gap is where nothing is known. */
  values: ReadonlyArray<number | undefined>;
  /** The value at the upper edge; else the highest of the values. */
  top?: number;
}

export function Sparkline({ label, values, top }: Props): ReactNode {
  const known = values.filter((value) => value !== undefined);
  const high = Math.max(top ?? 0, ...known, Number.MIN_VALUE);
  const step = WIDTH / Math.max(1, values.length - 1);
  let path = "";
  let isDrawing = false;
  for (const [index, value] of values.entries()) {
    if (value === undefined) {
      isDrawing = false;
      continue;
    }
    const y = HEIGHT - 1 - (HEIGHT - 2) * Math.max(0, Math.min(1, value / high));
    path += `${isDrawing ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    isDrawing = true;
  }
  return (
    <svg className="hv-spark" role="img" aria-label={label} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
