// What happened, in one line of time: alerts and tasks together.
import { type ReactNode, useMemo } from "react";
import { TaskLine } from "@/app/TaskDrawer";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll } from "@/store/hooks";
import { Nothing } from "@/ui/bits";
import { AlertLine } from "../alerts/AlertLine";

type Entry = { key: string; at: number; task: Item<"task"> } | { key: string; at: number; alert: Item<"message"> };

const SHOWN_MAX = 300;

interface Props {
  /** Only what is about the object of this uuid and name. */
  of?: { uuid: string; name: string };
}

export function Timeline({ of }: Props): ReactNode {
  const { dateTime } = useI18n();
  const tasks = useAll("task");
  const alerts = useAll("message");
  const entries = useMemo<Entry[]>(() => {
    const mine = tasks.filter((task) => of === undefined || task.name_description === of.name);
    const about = alerts.filter((alert) => of === undefined || alert.obj_uuid === of.uuid);
    const all: Entry[] = [
      ...mine.map((task) => ({ key: task.$ref, at: wireTime(task.created), task })),
      ...about.map((alert) => ({ key: alert.$ref, at: wireTime(alert.timestamp), alert })),
    ];
    return all.sort((a, b) => b.at - a.at).slice(0, SHOWN_MAX);
  }, [tasks, alerts, of]);
  if (entries.length === 0) return <Nothing title="history-empty" body="history-empty-body" />;
  return (
    <div className="hv-card-list hv-timeline">
      {entries.map((entry) => (
        <div key={entry.key} className="hv-timeline-entry">
          <time dateTime={new Date(entry.at).toISOString()}>{dateTime(entry.at)}</time>
          {"task" in entry ? <TaskLine task={entry.task} /> : <AlertLine alert={entry.alert} />}
        </div>
      ))}
    </div>
  );
}

export default function PoolHistory(): ReactNode {
  return <Timeline />;
}
