// All alerts: by urgency, newest first, cleared one by one or together.
import { Button, Flex, PageSection, SearchInput, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { type ReactNode, useMemo, useState } from "react";
import { haven } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { Nothing } from "@/ui/bits";
import { useNotices } from "@/ui/notices";
import { AlertLine, severityOf, useAlertText } from "./AlertLine";

const FILTERS = ["all", "danger", "warning", "info"] as const;
/** Alerts that are drawn at once; older ones on demand. */
const PAGE = 100;

export function AlertsPage(): ReactNode {
  const { t, number } = useI18n();
  const { showError } = useNotices();
  const all = useAll("message");
  const words = useAlertText();
  const [filter, setFilter] = useState<(typeof FILTERS)[number]>("all");
  const [query, setQuery] = useState("");
  const [shown, setShown] = useState(PAGE);
  const alerts = useMemo(() => {
    const wanted = query.toLowerCase();
    const fits = (alert: Item<"message">): boolean =>
      (filter === "all" || severityOf(alert.priority) === filter) &&
      `${words(alert).title} ${words(alert).detail} ${alert.body} ${alert.name}`.toLowerCase().includes(wanted);
    return all.filter(fits).sort((a, b) => wireTime(b.timestamp) - wireTime(a.timestamp));
  }, [all, filter, query, words]);
  const clear = (which: ReadonlyArray<Item<"message">>): void => {
    call("message.destroy_many", which.map((alert) => alert.$ref)).catch((error: unknown) => showError(error));
  };
  return (
    <PageSection isFilled className="hv-stack" hasBodyWrapper={false}>
      <Flex alignItems={{ default: "alignItemsCenter" }}>
        <Title headingLevel="h1">{t("alerts")}</Title>
        <span className="hv-grow" />
        <SearchInput className="hv-filter" value={query} aria-label={t("filter-list")} placeholder={t("filter-list")} onChange={(_event, value) => setQuery(value)} onClear={() => setQuery("")} />
        <ToggleGroup aria-label={t("severity")}>
          {FILTERS.map((each) => (
            <ToggleGroupItem
              key={each}
              buttonId={`severity-${each}`}
              text={`${t(`severity-${each}`)} ${number(each === "all" ? all.length : all.filter((alert) => severityOf(alert.priority) === each).length)}`}
              isSelected={filter === each}
              onChange={() => setFilter(each)}
            />
          ))}
        </ToggleGroup>
        <Act variant="secondary" blocked={alerts.length === 0 ? t("alerts-clear-none") : undefined} onClick={() => clear(alerts)}>
          {t("alerts-clear", { count: alerts.length })}
        </Act>
      </Flex>
      {alerts.length === 0 ? (
        <Nothing title="alerts-none" body="alerts-none-body" icon={CheckCircleIcon} />
      ) : (
        <div className="hv-card-list">
          {alerts.slice(0, shown).map((alert) => (
            <div key={alert.$ref} className="hv-alert-row">
              <AlertLine alert={alert} />
              <Button variant="link" onClick={() => clear([alert])}>
                {t("alert-clear")}
              </Button>
            </div>
          ))}
          {alerts.length > shown && (
            <Button variant="link" onClick={() => setShown(shown + PAGE)}>
              {t("show-more", { count: alerts.length - shown })}
            </Button>
          )}
        </div>
      )}
      <CliLines lines={[haven("alert", "list")]} />
    </PageSection>
  );
}
