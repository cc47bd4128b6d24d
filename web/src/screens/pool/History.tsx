// What happened, in one line of time: alerts and tasks together, or one of them.
import { SearchInput, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { type ReactNode, useDeferredValue, useMemo } from "react";
import { TaskLine } from "@/app/TaskDrawer";
import { taskName } from "@/app/tasks";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll } from "@/store/hooks";
import { Nothing } from "@/ui/bits";
import { useChoice, useParam } from "@/ui/useParam";
import { AlertLine, useAlertText } from "../alerts/AlertLine";

type Entry = { key: string; at: number; task: Item<"task"> } | { key: string; at: number; alert: Item<"message"> };

const SHOWN_MAX = 300;
const KINDS = ["all", "task", "alert", "failed"] as const;

interface Props {
  /** Only what is about the object of this uuid and name. */
  of?: { uuid: string; name: string };
}

export function Timeline({ of }: Props): ReactNode {
  const i18n = useI18n();
  const { t, dateTime } = i18n;
  const tasks = useAll("task");
  const alerts = useAll("message");
  const alertText = useAlertText();
  const [kind, setKind] = useChoice("show", KINDS);
  const [query, setQuery] = useParam<string>("q", "");
  const wanted = useDeferredValue(query.toLowerCase());
  const entries = useMemo<Entry[]>(() => {
    const mine = tasks.filter((task) => of === undefined || task.name_description === of.name);
    const about = alerts.filter((alert) => of === undefined || alert.obj_uuid === of.uuid);
    const all: Entry[] = [
      ...mine.filter((task) => kind !== "alert" && (kind !== "failed" || task.status === "failure")).map((task) => ({ key: task.$ref, at: wireTime(task.created), task })),
      ...about.filter(() => kind === "all" || kind === "alert").map((alert) => ({ key: alert.$ref, at: wireTime(alert.timestamp), alert })),
    ];
    const textOf = (entry: Entry): string => ("task" in entry ? `${taskName(entry.task, i18n)} ${entry.task.name_description}` : Object.values(alertText(entry.alert)).join(" "));
    const found = wanted === "" ? all : all.filter((entry) => textOf(entry).toLowerCase().includes(wanted));
    return found.sort((a, b) => b.at - a.at).slice(0, SHOWN_MAX);
  }, [tasks, alerts, of, kind, wanted, i18n, alertText]);
  if (entries.length === 0 && kind === "all" && wanted === "") return <Nothing title="history-empty" body="history-empty-body" />;
  return (
    <div className="hv-stack">
      <div className="hv-buttons" role="search" aria-label={t("filter-list")}>
        <SearchInput className="hv-filter" value={query} aria-label={t("filter-list")} placeholder={t("filter-list")} onChange={(_event, value) => setQuery(value)} onClear={() => setQuery("")} />
        <ToggleGroup aria-label={t("history-show")}>
          {KINDS.map((each) => (
            <ToggleGroupItem key={each} buttonId={`history-${each}`} text={t(`history-${each}`)} isSelected={kind === each} onChange={() => setKind(each)} />
          ))}
        </ToggleGroup>
      </div>
      {entries.length === 0 && <Nothing title="nothing-matches" body="alerts-none-match" />}
      <div className="hv-card-list hv-timeline" hidden={entries.length === 0}>
        {entries.map((entry) => (
          <div key={entry.key} className="hv-timeline-entry">
            <time dateTime={new Date(entry.at).toISOString()}>{dateTime(entry.at)}</time>
            {"task" in entry ? <TaskLine task={entry.task} /> : <AlertLine alert={entry.alert} />}
          </div>
        ))}
      </div>
    </div>
  );
}

export default function PoolHistory(): ReactNode {
  return <Timeline />;
}
