// W12: what protection can tell of and refuse: what each message means, and what to do then. Which they are
// the server declares; the words are those of the alerts and of the errors themselves.
import { Button, SearchInput } from "@patternfly/react-core";
import { type ReactNode, useDeferredValue, useMemo, useState } from "react";
import { Link } from "react-router";
import { haven } from "@/actions/cli";
import { ApiError } from "@/api/errors";
import { PROTECTION_ALERTS, PROTECTION_REFUSALS } from "@/generated/xenapi";
import { type I18n, useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { CliLines } from "@/ui/CliLines";
import { useErrorText } from "@/ui/ErrorView";
import { Pill } from "@/ui/status";
import { severityOf } from "../alerts/groups";
import { useWaits } from "../alerts/standing";
import { runbookOf } from "../help/runbooks";

/** One thing that is told: its words, and those of its cases. */
interface Told {
  /** Name of the alert, or code of the error. */
  name: string;
  title: string;
  body: string;
  /** None: it is refused, not told. */
  severity?: ReturnType<typeof severityOf>;
  help?: string | undefined;
  cases: ReadonlyArray<{ title: string; body: string }>;
}

const PARTS = /-(?:detail|remedy)$/;

/** A message without the parts that only an alert's own data could fill. */
function plain({ t, has }: Pick<I18n, "t" | "has">, id: string): string {
  const text = has(id) ? t(id) : "";
  return text.includes("{$") ? "" : text;
}

/** The alerts and their cases, from the catalogue of texts. */
export function alertsOf(texts: Pick<I18n, "t" | "has" | "ids">): Told[] {
  const words = (id: string): { title: string; body: string } => ({
    title: texts.t(id),
    body: [plain(texts, `${id}-detail`), plain(texts, `${id}-remedy`)].filter((part) => part !== "").join(" "),
  });
  return PROTECTION_ALERTS.map(({ name, priority, only }): Told => {
    const id = `alert-${name.replaceAll("_", "-")}`;
    const cases = texts.ids(`${id}-`).filter((each) => !PARTS.test(each));
    const rest = { name, severity: severityOf(priority), help: runbookOf({ name, body: "" }) };
    // Of a message that is not protection's alone, what protection says with it.
    if (only !== "") return { ...rest, ...words(`${id}-${only.replaceAll("_", "-")}`), cases: [] };
    return { ...rest, ...words(id), cases: cases.map(words) };
  });
}

function useCatalogue(): { alerts: Told[]; refusals: Told[] } {
  const i18n = useI18n();
  const errorText = useErrorText();
  return useMemo(() => {
    const refusals = PROTECTION_REFUSALS.map((name): Told => {
      const { what, remedy } = errorText(new ApiError(name, []));
      return { name, title: what, body: remedy, cases: [] };
    });
    return { alerts: alertsOf(i18n), refusals };
  }, [i18n, errorText]);
}

function fits({ name, title, body, cases }: Told, wanted: string): boolean {
  return [name, title, body, ...cases.flatMap((each) => [each.title, each.body])].join(" ").toLowerCase().includes(wanted);
}

export default function Catalogue({ onClose }: { onClose: () => void }): ReactNode {
  const { t } = useI18n();
  const { alerts, refusals } = useCatalogue();
  const [query, setQuery] = useState("");
  const wanted = useDeferredValue(query.trim().toLowerCase());
  const some = (all: readonly Told[]): Told[] => all.filter((each) => fits(each, wanted));
  const [told, refused] = [some(alerts), some(refusals)];
  return (
    <aside className="hv-catalogue" aria-labelledby="catalogue-title">
      <div className="hv-line">
        <h2 id="catalogue-title" className="hv-grow">{t("messages-title")}</h2>
        <Button variant="link" isInline onClick={onClose}>
          {t("close")}
        </Button>
      </div>
      <p className="hv-muted">{t("messages-body")}</p>
      <SearchInput value={query} aria-label={t("messages-find")} placeholder={t("messages-find")} onChange={(_event, value) => setQuery(value)} onClear={() => setQuery("")} />
      {told.length + refused.length === 0 && <p role="status">{t("nothing-matches")}</p>}
      <Part title="alerts" all={told} />
      <Part title="messages-refusals" all={refused} />
      <CliLines lines={[haven("alert", "list")]} />
    </aside>
  );
}

function Part({ title, all }: { title: string; all: readonly Told[] }): ReactNode {
  const { t } = useI18n();
  if (all.length === 0) return null;
  return (
    <section aria-label={t(title)}>
      <h3>{t(title)}</h3>
      <ul className="hv-messages">
        {all.map((each) => (
          <Message key={each.name} told={each} />
        ))}
      </ul>
    </section>
  );
}

const COLOURS = { danger: "red", warning: "orange", info: "blue" } as const;

function Message({ told: { name, title, body, severity, help, cases } }: { told: Told }): ReactNode {
  const { t } = useI18n();
  const waits = useWaits();
  const now = useAll("message").filter((alert) => alert.name === name && waits(alert)).length;
  return (
    <li data-message={name}>
      <strong>{title}</strong> {severity !== undefined && <Pill colour={COLOURS[severity]}>{t(`severity-${severity}`)}</Pill>}{" "}
      {severity !== undefined && now > 0 && <Link to={`/alerts?state=open&q=${name}`}>{t("messages-now", { count: now })}</Link>}
      {body !== "" && <p>{body}</p>}
      {cases.length > 0 && (
        <ul>
          {cases.map((each) => (
            <li key={each.title}>
              {each.title}
              {each.body !== "" && <p className="hv-muted">{each.body}</p>}
            </li>
          ))}
        </ul>
      )}
      <p className="hv-muted">
        <code>{name}</code> {help !== undefined && <Link to={`/help/${help}`}>{t("help-me")}</Link>}
      </p>
    </li>
  );
}
