// W3, W8: what a host or a machine does right now, in four small lines; the graphs are a click away.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { type Item, useObject } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { Sparkline } from "@/ui/Sparkline";
import { type History, load, type Metric, type Subject } from "../performance/rrd";

/** How often is asked, in milliseconds; the hosts count every five seconds. */
const ASK_MS = 10_000;

/** Lines and what they are the sum of. */
const LINES: ReadonlyArray<{ id: string; metrics: readonly Metric[]; top?: Metric | 1 }> = [
  { id: "perf-graph-cpu", metrics: ["cpu"], top: 1 },
  { id: "perf-graph-memory", metrics: ["memory"], top: "memory-total" },
  { id: "perf-graph-network", metrics: ["rx", "tx"] },
  { id: "perf-graph-disk", metrics: ["read", "write"] },
];

/** What a machine does. */
export function Activity({ vm }: { vm: Item<"VM"> }): ReactNode {
  const host = useObject("host", vm.resident_on);
  const [on, name] = [host?.uuid, host?.name_label ?? ""];
  const subject = useMemo<Subject>(
    () => ({ kind: "vm", uuid: vm.uuid, hosts: on === undefined ? [] : [{ uuid: on, name, cpus: 1 }] }),
    [vm.uuid, on, name],
  );
  return <Sparks subject={subject} title="vm-activity" none={on === undefined ? "vm-activity-off" : "vm-activity-none"} more={pathOf("vm", vm.uuid, "performance")} />;
}

interface SparksProps {
  subject: Subject;
  /** Messages: of the heading, and of what is said where no value is. */
  title: string;
  none: string;
  /** Where the graphs are. */
  more: string;
}

/** The last ten minutes of a machine or a host in small lines. */
export function Sparks({ subject, title, none, more }: SparksProps): ReactNode {
  const { t, percent, bytes } = useI18n();
  const client = useQueryClient();
  // The same key as the graphs' own: what one has asked the other knows.
  const key = ["rrd", subject.kind, subject.uuid, "minutes"];
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => load(subject, "minutes", client.getQueryData<History>(key), signal),
    enabled: subject.hosts.length > 0,
    refetchInterval: ASK_MS,
    structuralSharing: false,
  });
  const rows = query.data?.rows ?? [];
  const last = rows[rows.length - 1];
  const shown = LINES.flatMap(({ id, metrics, top }) => {
    const sum = (values: (typeof rows)[number]["values"]): number | undefined => {
      const known = metrics.map((metric) => values[metric]).filter((value) => value !== undefined);
      return known.length === 0 ? undefined : known.reduce((all, value) => all + value, 0);
    };
    const values = rows.map((row) => sum(row.values));
    const now = last === undefined ? undefined : sum(last.values);
    if (now === undefined) return [];
    const limit = top === 1 ? 1 : top === undefined ? undefined : last?.values[top];
    const text = id === "perf-graph-cpu" ? percent(now, now < 0.1 ? 1 : 0) : top === undefined ? t("perf-per-second", { value: bytes(now) }) : bytes(now);
    return [{ id, values, limit, text }];
  });
  return (
    <Panel title={t(title)}>
      {shown.length === 0 ? (
        <p className="hv-muted">{t(none)}</p>
      ) : (
        <>
          <ul className="hv-sparks">
            {shown.map(({ id, values, limit, text }) => (
              <li key={id}>
                <span className="hv-muted">{t(id)}</span>
                <Sparkline label={`${t(id)}: ${text}`} values={values} {...(limit === undefined ? {} : { top: limit })} />
                <strong>{text}</strong>
              </li>
            ))}
          </ul>
          <Link to={more}>{t("vm-activity-more")}</Link>
        </>
      )}
    </Panel>
  );
}
