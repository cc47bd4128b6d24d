// What is known of drills, and the pause that is on: on the overview and on the Availability page.
import { Alert } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useActions } from "@/actions/runner";
import type { Drill } from "@/api/haven";
import { useI18n } from "@/i18n";
import { drillsOf, pauseOf } from "@/model/ha";
import { useAll, usePool } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { useNow } from "@/ui/useNow";
import { resume } from "./actions";

/** How often the end of a pause is looked at, in milliseconds. */
const TICK_MS = 1000;

/** Until when nothing is restarted, who asked for that, and why. */
export function PauseNotice(): ReactNode {
  const { t, time, duration } = useI18n();
  const { perform } = useActions();
  const pool = usePool();
  const now = useNow(TICK_MS);
  const pause = pauseOf(pool, now);
  if (pool === undefined || pause === undefined || !pool.ha_enabled) return null;
  return (
    <Alert
      isInline
      variant="warning"
      title={t("pause-on", { until: time(pause.until), left: duration((pause.until - now) / 1000) })}
      actionLinks={
        <Act variant="link" isInline blocked={undefined} data-action={resume.id} onClick={() => perform(resume, [pool])}>
          {t(resume.label)}
        </Act>
      }
    >
      {pause.by !== "" && <p>{t("pause-by", { by: pause.by, reason: pause.reason })}</p>}
    </Alert>
  );
}

/** One sentence: "Last drill 12 days ago — passed." */
export function LastDrill(): ReactNode {
  const { t, ago, dateTime } = useI18n();
  const now = useNow();
  const { running, last } = drillsOf(usePool());
  if (running !== undefined) return <p role="status">{t("drill-is-running", { host: running.host ?? "" })}</p>;
  if (last === undefined) return <p className="hv-muted">{t("drill-never")}</p>;
  const at = last.ended_ms ?? last.began_ms;
  return (
    <p title={dateTime(at)} data-drill={last.passed === true ? "passed" : "failed"}>
      {t(`drill-last-${last.kind}`, { ago: ago(at, now), result: t(last.passed === true ? "drill-passed" : "drill-failed") })}
    </p>
  );
}

/** What came of the last drill, and what it found wrong. */
export function DrillReport(): ReactNode {
  const { t, dateTime, duration } = useI18n();
  const { running, last } = drillsOf(usePool());
  return (
    <div className="hv-stack">
      <LastDrill />
      {running === undefined && last !== undefined && (
        <>
          <p className="hv-muted">
            {t("drill-by", { by: last.by, at: dateTime(last.began_ms) })}
            {last.kind === "host" && ` ${t("drill-told", { host: last.host ?? "", count: last.count ?? 0, time: duration(((last.ended_ms ?? last.began_ms) - last.began_ms) / 1000) })}`}
          </p>
          {(last.behind ?? []).length > 0 && <p className="hv-bad-text">{t("drill-behind", { names: (last.behind ?? []).join(", ") })}</p>}
          <Findings drill={last} />
        </>
      )}
    </div>
  );
}

function Findings({ drill }: { drill: Drill }): ReactNode {
  const { t } = useI18n();
  const srs = useAll("SR");
  const vdis = useAll("VDI");
  const findings = drill.findings ?? [];
  if (findings.length === 0) return null;
  const volume = (uuid: string): string => {
    const on = vdis.find((vdi) => vdi.uuid === uuid)?.SR;
    return srs.find((sr) => sr.uuid === uuid || sr.$ref === on)?.name_label ?? uuid;
  };
  return (
    <ul className="hv-list">
      {findings.map((finding) => (
        <li key={JSON.stringify(finding)}>{t(`drill-finding-${finding.case}`, { host: finding.host ?? "", vm: finding.vm ?? "", network: finding.network ?? 0, sr: volume(finding.sr ?? "") })}</li>
      ))}
    </ul>
  );
}
