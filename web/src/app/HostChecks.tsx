// W1: what this host brings along, as soon as the code is right; what is missing comes with the command that
// mends it, and is looked at again without leaving the page.
import { ClipboardCopy, Title } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { setup, type SetupFacts } from "@/api/haven";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { ErrorView } from "@/ui/ErrorView";
import { OWN_ZONE } from "@/i18n/preferred";
import { HOST_COMMANDS } from "./hostCommands";

/** Letters of a whole code. */
const CODE_LETTERS = 8;
/** A clock that is further off than this misleads people and certificates, in milliseconds. */
const CLOCK_OFF_MS_MAX = 30_000;

interface Check {
  id: string;
  ok: boolean;
  detail: string;
}

/** Whether so much is typed that it may be a code. */
export function isWholeCode(code: string): boolean {
  return code.replaceAll(/[^A-Za-z0-9]/g, "").length >= CODE_LETTERS;
}

export function HostChecks({ code }: { code: string }): ReactNode {
  const { t, number, dateTime } = useI18n();
  const complete = isWholeCode(code);
  const facts = useQuery({
    queryKey: ["setup", code],
    queryFn: async () => ({ ...(await setup.facts(code.trim())), seen_ms: Date.now() }),
    enabled: complete,
    staleTime: Infinity,
  });
  if (!complete) return null;
  if (facts.error !== null) return <ErrorView error={facts.error} />;
  if (facts.data === undefined) return null;
  const checks = [...facts.data.checks, ...ofTime(facts.data, { number, dateTime })];
  return (
    <section aria-labelledby="checks-title" className="hv-checks">
      <Title id="checks-title" headingLevel="h2" size="md">
        {t("this-host", { name: facts.data.hostname, address: facts.data.address })}
      </Title>
      <ul>
        {checks.map((check) => (
          <Line key={check.id} check={check} />
        ))}
      </ul>
      {checks.some(({ ok }) => !ok) && (
        <Act variant="secondary" size="sm" blocked={facts.isFetching ? t("busy") : undefined} onClick={() => void facts.refetch()}>
          {t("check-again")}
        </Act>
      )}
    </section>
  );
}

/** Its clock beside that of the browser, and its time zone. */
function ofTime(facts: SetupFacts & { seen_ms: number }, { number, dateTime }: { number: (value: number) => string; dateTime: (ms: number) => string }): Check[] {
  const { wall_ms: wall, time_zone: zone, seen_ms: seen } = facts;
  if (wall === undefined) return [];
  const off = Math.abs(wall - seen);
  const clock = { id: "clock", ok: off <= CLOCK_OFF_MS_MAX, detail: off <= CLOCK_OFF_MS_MAX ? dateTime(wall) : `${dateTime(wall)} (± ${number(Math.round(off / 1000))} s)` };
  return [clock, { id: "zone", ok: zone === OWN_ZONE, detail: zone === undefined || zone === "" ? "UTC" : zone }];
}

function Line({ check: { id, ok, detail } }: { check: Check }): ReactNode {
  const { t } = useI18n();
  const command = HOST_COMMANDS[id];
  return (
    <li className={ok ? "hv-check-ok" : "hv-check-bad"} data-check={id}>
      {ok ? <CheckCircleIcon aria-label={t("check-ok")} /> : <ExclamationTriangleIcon aria-label={t("check-bad")} />}
      <strong>{t(`check-${id}`)}</strong> <span>{detail}</span>
      {!ok && (
        <div className="hv-check-remedy">
          <p>{t(`first-${id}`)}</p>
          {command !== undefined && (
            <ClipboardCopy isReadOnly isCode hoverTip={t("copy")} clickTip={t("copied")} textAriaLabel={t("check-fix-of", { what: t(`check-${id}`) })}>
              {command}
            </ClipboardCopy>
          )}
        </div>
      )}
    </li>
  );
}
