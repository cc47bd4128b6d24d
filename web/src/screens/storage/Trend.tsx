// W5: which way the room of a storage repository goes, and when it ends at this pace.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { pathOf } from "@/ui/links";
import { Sparkline } from "@/ui/Sparkline";
import { type History, load, type Row } from "../performance/rrd";
import { useSrSubject } from "../performance/srSubject";

/** How often is asked, in milliseconds: there is a value an hour. */
const ASK_MS = 600_000;
const DAY_S = 86_400;
/** Less time than this says nothing of the pace. */
const KNOWN_S_MIN = 6 * 3600;
/** Later than this nobody plans. */
const DAYS_MAX = 3 * 365;

export interface Pace {
  /** Seconds that are known. */
  known: number;
  /** Bytes by which it grew meanwhile; negative: it shrank. */
  grown: number;
  /** Days until it is full at this pace; undefined: it does not fill up in a time that matters. */
  full: number | undefined;
}

/** How it went in the rows that are known; undefined: too little is known. */
export function paceOf(rows: readonly Row[], size: number): Pace | undefined {
  const known = rows.filter(({ values }) => values.used !== undefined);
  const [first] = known;
  const last = known[known.length - 1];
  if (first === undefined || last === undefined || last.t - first.t < KNOWN_S_MIN) return undefined;
  const grown = (last.values.used ?? 0) - (first.values.used ?? 0);
  const days = (last.t - first.t) / DAY_S;
  const full = grown > 0 ? Math.max(0, size - (last.values.used ?? 0)) / (grown / days) : Infinity;
  return { known: last.t - first.t, grown, full: full <= DAYS_MAX ? full : undefined };
}

export function Trend({ sr }: { sr: Item<"SR"> }): ReactNode {
  const { t, bytes, number, duration } = useI18n();
  const client = useQueryClient();
  const subject = useSrSubject(sr);
  const key = ["rrd", "sr", sr.uuid, "week"];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => load(subject, "week", client.getQueryData<History>(key), signal),
    enabled: subject.hosts.length > 0,
    refetchInterval: ASK_MS,
    structuralSharing: false,
  });
  const rows = query.data?.rows ?? [];
  const pace = paceOf(rows, sr.physical_size);
  if (pace === undefined) return <p className="hv-muted">{t(query.isPending ? "loading" : "sr-trend-none")}</p>;
  const args = { grown: bytes(Math.abs(pace.grown)), time: duration(pace.known) };
  const said = t(pace.grown > 0 ? "sr-trend-grown" : pace.grown < 0 ? "sr-trend-shrunk" : "sr-trend-same", args);
  return (
    <div className="hv-stack">
      <Sparkline label={said} values={rows.map(({ values }) => values.used)} top={Math.max(0, sr.physical_size)} />
      <p>
        {said} {pace.full !== undefined && <strong>{t("sr-trend-full", { days: number(Math.max(1, Math.round(pace.full))) })}</strong>}
      </p>
      <Link to={pathOf("sr", sr.uuid, "performance")}>{t("vm-activity-more")}</Link>
    </div>
  );
}
