// Numbers, sizes and times by locale.
import type { DateTime } from "@/generated/xenapi";
import type { Texts } from "./language";

export interface Format {
  number(value: number, digits?: number): string;
  percent(share: number, digits?: number): string;
  /** A size in binary units: 1.5 GiB. */
  bytes(value: number): string;
  /** A length of time, given in seconds: `2 h 5 min`. */
  duration(seconds: number): string;
  /** How long ago, given in milliseconds since 1970: `3 minutes ago`. */
  ago(ms: number, now?: number): string;
  /** Several as one text: `a, b and c`. */
  list(parts: readonly string[]): string;
  dateTime(ms: number): string;
  time(ms: number): string;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const STEPS: Array<[Intl.RelativeTimeFormatUnit, number]> = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** With times of a time zone; empty: the browser's. */
export function makeFormat({ language }: Pick<Texts, "language">, zone = ""): Format {
  const timeZone = zone === "" ? {} : { timeZone: zone };
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", ...timeZone });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium", ...timeZone });
  const number = (value: number, digits = 0): string =>
    new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  const unit = (value: number, of: string): string =>
    new Intl.NumberFormat(language, { style: "unit", unit: of, unitDisplay: "short", maximumFractionDigits: 1 }).format(value);
  return {
    number,
    percent: (share, digits = 0) =>
      new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(share),
    bytes(value) {
      let step = 0;
      let size = Math.max(0, value);
      while (size >= 1024 && step < UNITS.length - 1) {
        size /= 1024;
        step += 1;
      }
      return `${number(size, size < 10 && step > 0 ? 1 : 0)} ${UNITS[step] ?? "B"}`;
    },
    duration(seconds) {
      if (seconds < 60) return unit(seconds < 10 ? seconds : Math.round(seconds), "second");
      const parts: string[] = [];
      let rest = Math.round(seconds);
      for (const [name, size] of STEPS) {
        const count = Math.floor(rest / size);
        rest -= count * size;
        if (count > 0 && parts.length < 2) parts.push(unit(count, name));
        else if (parts.length > 0) break;
      }
      return parts.join(" ");
    },
    ago(ms, now = Date.now()) {
      const seconds = Math.max(0, Math.round((now - ms) / 1000));
      for (const [name, size] of STEPS) {
        if (seconds >= size) return relative.format(-Math.floor(seconds / size), name);
      }
      return relative.format(0, "second");
    },
    list: (parts) => new Intl.ListFormat(language, { type: "conjunction" }).format(parts),
    dateTime: (ms) => full.format(ms),
    time: (ms) => clock.format(ms),
  };
}

/** Milliseconds since 1970 of a time on the wire (`20250102T03:04:05Z`); 0 if it is none. */
export function wireTime(time: DateTime | undefined): number {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):(\d{2}):(\d{2})/.exec(time ?? "");
  if (match === null) return 0;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
