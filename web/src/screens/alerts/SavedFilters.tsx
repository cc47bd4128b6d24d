// Filters under a name of one's own. The pool keeps them for the person, so that they are there at every browser.
import { Button, TextInput } from "@patternfly/react-core";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import { type ReactNode, useState } from "react";
import { Link, useLocation } from "react-router";
import { useKept } from "@/app/kept";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useWork } from "@/ui/useWork";

/** Filters that are kept. */
const KEPT_MAX = 20;
/** Characters of a filter's name. */
const NAME_MAX = 60;

interface Saved {
  name: string;
  /** The part of the address that has the filters. */
  search: string;
}

function read(text: string | undefined): Saved[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? found.filter((each): each is Saved => typeof each?.name === "string" && typeof each?.search === "string" && /^(\?|$)/.test(each.search)) : [];
  } catch {
    return [];
  }
}

export function SavedFilters(): ReactNode {
  const { t } = useI18n();
  const { pathname } = useLocation();
  const { likes, keep, cliOf } = useKept();
  const saved = read(likes.alert_filters);
  const [name, setName] = useState<string | null>(null);
  const { busy, error, run } = useWork();
  const change = (next: readonly Saved[]): { alert_filters: string | null } => ({ alert_filters: next.length === 0 ? null : JSON.stringify(next) });
  const forget = (gone: Saved): void => run(() => keep(change(saved.filter((each) => each.name !== gone.name))));
  const trimmed = (name ?? "").trim();
  const more = change([...saved.filter((each) => each.name !== trimmed), { name: trimmed, search: window.location.search }]);
  const isFull = saved.length >= KEPT_MAX && !saved.some((each) => each.name === trimmed);
  const save = (): void => {
    if (trimmed === "" || isFull) return;
    run(async () => {
      await keep(more);
      setName(null);
    });
  };
  return (
    <div className="hv-buttons" role="group" aria-label={t("filters-saved")}>
      {saved.length > 0 && <span className="hv-muted">{t("filters-saved")}</span>}
      {saved.map((each) => (
        <span key={each.name} className="hv-saved-filter">
          <Link to={`${pathname}${each.search}`}>{each.name}</Link>
          <Button variant="plain" size="sm" icon={<TimesIcon />} aria-label={t("filter-forget", { name: each.name })} onClick={() => forget(each)} />
        </span>
      ))}
      {name === null ? (
        <Button variant="link" isInline onClick={() => setName("")}>
          {t("filter-save")}
        </Button>
      ) : (
        <form
          className="hv-line"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <TextInput value={name} maxLength={NAME_MAX} aria-label={t("filter-name")} placeholder={t("filter-name")} onChange={(_event, value) => setName(value)} autoFocus />
          <Act type="submit" variant="secondary" isLoading={busy} blocked={busy ? t("busy") : trimmed === "" ? t("filter-needs-name") : isFull ? t("filter-full", { most: KEPT_MAX }) : undefined}>
            {t("filter-keep")}
          </Act>
          <Button variant="link" onClick={() => setName(null)}>
            {t("cancel")}
          </Button>
          <span className="hv-muted">{t("filter-where")}</span>
        </form>
      )}
      {trimmed !== "" && <CliLines lines={[cliOf(more)]} />}
      {error !== null && <ErrorView error={error} />}
    </div>
  );
}
