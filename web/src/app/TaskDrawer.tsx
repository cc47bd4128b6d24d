// Tasks at the foot of the page: progress, cancelling, what went wrong. They never block anything.
import { Progress } from "@patternfly/react-core";
import AngleDownIcon from "@patternfly/react-icons/dist/esm/icons/angle-down-icon";
import AngleUpIcon from "@patternfly/react-icons/dist/esm/icons/angle-up-icon";
import type { ReactNode } from "react";
import { ApiError } from "@/api/errors";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { useErrorText } from "@/ui/ErrorView";
import { useNotices } from "@/ui/notices";
import { useNow } from "@/ui/useNow";
import { bytesSoFar, isRunning, recentTasks, taskName } from "./tasks";

export function TaskDrawer({ isOpen, onToggle }: { isOpen: boolean; onToggle: () => void }): ReactNode {
  const i18n = useI18n();
  const { t } = i18n;
  const tasks = recentTasks(useAll("task"), useNow());
  const running = tasks.filter(isRunning);
  const [first] = running;
  return (
    <section className="hv-tasks" aria-label={t("tasks")}>
      <button type="button" className="hv-tasks-head" aria-expanded={isOpen} onClick={onToggle}>
        {isOpen ? <AngleDownIcon /> : <AngleUpIcon />}
        <strong>{t("tasks")}</strong>
        <span role="status">
          {first === undefined
            ? t("tasks-none")
            : t("tasks-summary", {
                count: running.length,
                name: taskName(first, i18n),
                object: first.name_description,
                progress: Math.round(first.progress * 100),
              })}
        </span>
      </button>
      {isOpen && (
        <div className="hv-tasks-list" role="list" tabIndex={0} aria-label={t("tasks")}>
          {tasks.length === 0 && <p className="hv-muted">{t("tasks-empty")}</p>}
          {tasks.map((task) => (
            <div key={task.$ref} role="listitem">
              <TaskLine task={task} />
            </div>
          ))}
        </div>
      )}
    </section>
  );
}

export function TaskLine({ task }: { task: Item<"task"> }): ReactNode {
  const i18n = useI18n();
  const { t } = i18n;
  const errorText = useErrorText();
  const { showError } = useNotices();
  const running = isRunning(task);
  const name = taskName(task, i18n);
  const cancel = (): void => {
    call("task.cancel", task.$ref).catch((error: unknown) => showError(error));
  };
  const error =
    task.status === "failure" ? errorText(new ApiError(task.error_info[0] ?? "", task.error_info.slice(1))) : undefined;
  const ended = wireTime(task.finished);
  const far = bytesSoFar(task);
  return (
    <div className="hv-task">
      <div className="hv-task-name">
        <strong>{name}</strong> <span>{task.name_description}</span> {far !== undefined && <span className="hv-muted">{i18n.bytes(far)}</span>}
        {error !== undefined && (
          <p className="hv-task-error">
            {error.what} {error.remedy}
          </p>
        )}
      </div>
      <Progress
        className="hv-task-progress"
        aria-label={name}
        size="sm"
        value={Math.round((running ? task.progress : 1) * 100)}
        variant={task.status === "success" ? "success" : task.status === "failure" ? "danger" : undefined}
      />
      <span className="hv-task-when">
        {running ? t(`task-status-${task.status}`) : `${t(`task-status-${task.status}`)} · ${i18n.time(ended)}`}
      </span>
      <span className="hv-task-cancel">
        {running && task.allowed_operations.includes("cancel") && (
          <Act variant="link" isInline onClick={cancel} blocked={task.status === "cancelling" ? t("task-status-cancelling") : undefined}>
            {t("cancel")}
          </Act>
        )}
      </span>
    </div>
  );
}
