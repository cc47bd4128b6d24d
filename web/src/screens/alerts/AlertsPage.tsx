// W16: all alerts, those that say the same folded into one, by urgency, by what they are about, and by
// words; cleared one by one, or many together.
import { FormSelect, FormSelectOption, PageSection, SearchInput, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { type ReactNode, useDeferredValue, useMemo, useState } from "react";
import { Link } from "react-router";
import { haven } from "@/actions/cli";
import { useActions } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { type Item, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { Nothing } from "@/ui/bits";
import { useChoice, useParam } from "@/ui/useParam";
import { AlertGroupLine } from "./AlertGroupLine";
import { useAlertText } from "./AlertLine";
import { clearMany, take } from "./actions";
import { type AlertGroup, GROUPINGS, groupsOf, severityOf } from "./groups";
import { SavedFilters } from "./SavedFilters";
import { acknowledgedOf, STANDINGS, useStanding } from "./standing";

type Alert = Item<"message">;

const SEVERITIES = ["all", "danger", "warning", "info"] as const;
/** Classes of what alerts are about, as alerts name them. */
const SUBJECTS = ["all", "Pool", "Host", "VM", "SR"] as const;
/** Groups that are drawn at once; older ones on demand. */
const PAGE = 100;

export function AlertsPage(): ReactNode {
  const { t, number } = useI18n();
  const { perform } = useActions();
  const all = useAll("message");
  const words = useAlertText();
  const [severity, setSeverity] = useChoice("severity", SEVERITIES);
  const [subject, setSubject] = useChoice("of", SUBJECTS);
  const [by, setBy] = useChoice("by", GROUPINGS);
  const [standing, setStanding] = useChoice("state", STANDINGS);
  const standingOf = useStanding();
  const [query, setQuery] = useParam<string>("q", "");
  const [shown, setShown] = useState(PAGE);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const wanted = useDeferredValue(query.toLowerCase());
  const about = useMemo(() => {
    const fits = (alert: Alert): boolean => {
      const { title, detail } = words(alert);
      return `${title} ${detail} ${alert.body} ${alert.name}`.toLowerCase().includes(wanted);
    };
    return all.filter(
      (alert) => (subject === "all" || alert.cls === subject) && (standing === "all" || standingOf(alert) === standing) && (wanted === "" || fits(alert)),
    );
  }, [all, subject, standing, standingOf, wanted, words]);
  const alerts = useMemo(() => about.filter((alert) => severity === "all" || severityOf(alert.priority) === severity), [about, severity]);
  const groups = useMemo(() => groupsOf(alerts, by), [alerts, by]);
  const picked = groups.filter((group) => chosen.has(group.key));
  const isAll = groups.length > 0 && picked.length === groups.length;
  const toggle = (key: string): void => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
  };
  const target = (picked.length > 0 ? picked : groups).flatMap((group): readonly Alert[] => group.alerts);
  const untaken = target.filter((alert) => acknowledgedOf(alert) === undefined);
  const isFiltered = alerts.length < all.length;
  return (
    <PageSection isFilled className="hv-stack" hasBodyWrapper={false}>
      <div className="hv-buttons">
        <Title headingLevel="h1">{t("alerts")}</Title>
        <span className="hv-grow" />
        <Link to="/pool/history?show=alert">{t("alerts-history")}</Link>
        <Act variant="secondary" data-action={take.id} blocked={untaken.length === 0 ? t("alerts-take-none") : undefined} onClick={() => perform(take, untaken)}>
          {t("alerts-take", { count: untaken.length })}
        </Act>
        <Act variant="secondary" data-action={clearMany.id} blocked={target.length === 0 ? t("alerts-clear-none") : undefined} onClick={() => perform(clearMany, target)}>
          {t(picked.length > 0 ? "alerts-clear-chosen" : isFiltered ? "alerts-clear-shown" : "alerts-clear", { count: target.length })}
        </Act>
      </div>
      <div className="hv-buttons" role="search" aria-label={t("filter-list")}>
        <SearchInput className="hv-filter" value={query} aria-label={t("filter-list")} placeholder={t("filter-list")} onChange={(_event, value) => setQuery(value)} onClear={() => setQuery("")} />
        <ToggleGroup aria-label={t("severity")}>
          {SEVERITIES.map((each) => (
            <ToggleGroupItem
              key={each}
              buttonId={`severity-${each}`}
              text={`${t(`severity-${each}`)} ${number(each === "all" ? about.length : about.filter((alert) => severityOf(alert.priority) === each).length)}`}
              isSelected={severity === each}
              onChange={() => setSeverity(each)}
            />
          ))}
        </ToggleGroup>
        <FormSelect className="hv-choice" aria-label={t("alerts-of")} value={subject} onChange={(_event, value) => setSubject(value as (typeof SUBJECTS)[number])}>
          {SUBJECTS.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`alerts-of-${each.toLowerCase()}`)} />
          ))}
        </FormSelect>
        <FormSelect className="hv-choice" aria-label={t("alerts-state")} value={standing} onChange={(_event, value) => setStanding(value as (typeof STANDINGS)[number])}>
          {STANDINGS.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`alerts-state-${each}`)} />
          ))}
        </FormSelect>
        <FormSelect className="hv-choice" aria-label={t("alerts-by")} value={by} onChange={(_event, value) => setBy(value as (typeof GROUPINGS)[number])}>
          {GROUPINGS.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`alerts-by-${each}`)} />
          ))}
        </FormSelect>
      </div>
      <SavedFilters />
      {groups.length === 0 ? (
        isFiltered ? (
          <Nothing title="nothing-matches" body="alerts-none-match" />
        ) : (
          <Nothing title="alerts-none" body="alerts-none-body" icon={CheckCircleIcon} />
        )
      ) : (
        <div className="hv-card-list">
          <label className="hv-alert-all">
            <input type="checkbox" checked={isAll} onChange={() => setChosen(isAll ? new Set() : new Set(groups.map((group) => group.key)))} /> {t("select-all")}
            {picked.length > 0 && <span className="hv-muted">{t("selected", { count: picked.length })}</span>}
          </label>
          {groups.slice(0, shown).map((group) => (
            <AlertGroupLine key={group.key} group={group} isChosen={chosen.has(group.key)} onChoose={() => toggle(group.key)} label={labelOf(group, words)} isAlike={by === "kind" || group.alerts.length === 1} />
          ))}
          {groups.length > shown && (
            <Act variant="link" blocked={undefined} onClick={() => setShown(shown + PAGE)}>
              {t("show-more", { count: groups.length - shown })}
            </Act>
          )}
        </div>
      )}
      <CliLines lines={picked.length > 0 ? target.map((alert) => haven("alert", "dismiss", alert.uuid)) : [haven("alert", "list", ...(severity === "danger" ? ["--priority", 2] : []))]} />
    </PageSection>
  );
}

function labelOf({ alerts: [newest] }: AlertGroup, words: ReturnType<typeof useAlertText>): string {
  return words(newest).title;
}
