// One alert: what happened, to what, when, and what to do.
import BellIcon from "@patternfly/react-icons/dist/esm/icons/bell-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import InfoCircleIcon from "@patternfly/react-icons/dist/esm/icons/info-circle-icon";
import { type ReactNode, useCallback } from "react";
import { Link } from "react-router";
import type { ClassName } from "@/generated/xenapi";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useByUuid } from "@/store/hooks";
import { pathOf } from "@/ui/links";
import { useErrorText } from "@/ui/ErrorView";
import { useNow } from "@/ui/useNow";
import type { PageKind } from "@/app/areas";
import { Pill } from "@/ui/status";
import { runbookOf } from "../help/runbooks";
import { severityOf } from "./groups";
import { acknowledgedOf, useIsOver } from "./standing";
import { type AlertWords, alertWords } from "./words";

const SUBJECTS: Record<string, { of: ClassName; page: PageKind }> = {
  VM: { of: "VM", page: "vm" },
  Host: { of: "host", page: "host" },
  SR: { of: "SR", page: "sr" },
  Pool: { of: "pool", page: "pool" },
};

export interface Subject {
  name: string;
  to: string;
}

/** What an alert is about, if it still exists. */
export function useSubject(alert: Item<"message">): Subject | undefined {
  const subject = SUBJECTS[alert.cls];
  const row = useByUuid(subject?.of ?? "pool", subject === undefined ? undefined : alert.obj_uuid) as { name_label?: string } | undefined;
  return subject === undefined || row === undefined ? undefined : { name: row.name_label ?? "", to: pathOf(subject.page, alert.obj_uuid) };
}

/** Alerts in the words of the person. */
export function useAlertText(): (alert: Item<"message">) => AlertWords {
  const i18n = useI18n();
  const errorText = useErrorText();
  return useCallback((alert) => alertWords(alert, i18n, errorText), [i18n, errorText]);
}

/** Who deals with it, since when, and what they say. */
function Taken({ alert }: { alert: Item<"message"> }): ReactNode {
  const { t, ago, dateTime } = useI18n();
  const now = useNow();
  const taken = acknowledgedOf(alert);
  if (taken === undefined) return null;
  return (
    <p data-taken={taken.by}>
      <Pill colour="blue">{t("alert-taken", { by: taken.by })}</Pill>{" "}
      <span className="hv-muted" title={dateTime(taken.at_ms)}>
        {ago(taken.at_ms, now)}
      </span>{" "}
      {taken.note}
    </p>
  );
}

interface LineProps {
  alert: Item<"message">;
  /** How many older ones say the same. */
  more?: number;
}

export function AlertLine({ alert, more = 0 }: LineProps): ReactNode {
  const { t, ago, dateTime } = useI18n();
  const now = useNow();
  const subject = useSubject(alert);
  const severity = severityOf(alert.priority);
  const text = useAlertText()(alert);
  const at = wireTime(alert.timestamp);
  const isOver = useIsOver()(alert);
  const help = runbookOf(alert);
  const Icon = severity === "danger" ? ExclamationCircleIcon : severity === "warning" ? BellIcon : InfoCircleIcon;
  return (
    <article className={`hv-alert hv-alert-${severity}`} data-alert={alert.name} data-case={text.kind}>
      <Icon aria-label={t(`severity-${severity}`)} />
      <div>
        <strong>{text.title}</strong>
        {subject !== undefined && (
          <>
            {" "}
            <Link to={subject.to}>{subject.name}</Link>
          </>
        )}
        {more > 0 && <span className="hv-muted"> {t("alerts-times", { count: more + 1 })}</span>}
        {text.detail !== "" && <p>{text.detail}</p>}
        {text.remedy !== "" && <p>{text.remedy}</p>}
        <Taken alert={alert} />
        {isOver && (
          <p>
            <Pill colour="green">{t("alert-over")}</Pill> <span className="hv-muted">{t("alert-over-body")}</span>
          </p>
        )}
        {help !== undefined && (
          <p>
            <Link to={`/help/${help}`}>{t("help-me")}</Link>
          </p>
        )}
        {text.foreign !== "" && (
          <p className="hv-muted" lang="en">
            {text.foreign}
          </p>
        )}
      </div>
      <time dateTime={new Date(at).toISOString()} title={dateTime(at)}>
        {ago(at, now)}
      </time>
    </article>
  );
}
