// How values are written, and how often new ones are asked for.
import { useMemo } from "react";
import { useI18n } from "@/i18n";
import type { Metric, Range } from "./rrd";

/** How often is asked for what is new, in milliseconds: no more often than there is something. */
export const REFRESH: Record<Range, number> = { minutes: 10_000, hours: 60_000, week: 300_000, year: 3_600_000 };

export type Formats = Record<Metric, (value: number) => string>;

export function useFormats(): Formats {
  const { t, percent, bytes } = useI18n();
  return useMemo(() => {
    const rate = (value: number): string => t("perf-per-second", { value: bytes(value) });
    return {
      cpu: (value) => percent(value, value > 0 && value < 0.1 ? 1 : 0),
      memory: bytes, "memory-total": bytes, used: bytes, promised: bytes, size: bytes,
      rx: rate, tx: rate, read: rate, write: rate,
    };
  }, [t, percent, bytes]);
}
