// Filters under a name of one's own. They are kept in this browser: what somebody likes to look at is nobody else's.
import { Button, TextInput } from "@patternfly/react-core";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import { type ReactNode, useState } from "react";
import { Link, useLocation } from "react-router";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";

const KEY = "haven.alert-filters";
/** Filters that are kept. */
const KEPT_MAX = 20;

interface Saved {
  name: string;
  /** The part of the address that has the filters. */
  search: string;
}

function load(): Saved[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((each): each is Saved => typeof each?.name === "string" && typeof each?.search === "string") : [];
  } catch {
    return [];
  }
}

export function SavedFilters(): ReactNode {
  const { t } = useI18n();
  const { pathname } = useLocation();
  const [saved, setSaved] = useState(load);
  const [name, setName] = useState<string | null>(null);
  const keep = (next: Saved[]): void => {
    localStorage.setItem(KEY, JSON.stringify(next));
    setSaved(next);
  };
  const save = (): void => {
    const trimmed = (name ?? "").trim();
    if (trimmed === "") return;
    keep([...saved.filter((each) => each.name !== trimmed), { name: trimmed, search: window.location.search }].slice(-KEPT_MAX));
    setName(null);
  };
  return (
    <div className="hv-buttons" role="group" aria-label={t("filters-saved")}>
      {saved.length > 0 && <span className="hv-muted">{t("filters-saved")}</span>}
      {saved.map((each) => (
        <span key={each.name} className="hv-saved-filter">
          <Link to={`${pathname}${each.search}`}>{each.name}</Link>
          <Button variant="plain" size="sm" icon={<TimesIcon />} aria-label={t("filter-forget", { name: each.name })} onClick={() => keep(saved.filter((other) => other !== each))} />
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
          <TextInput value={name} aria-label={t("filter-name")} placeholder={t("filter-name")} onChange={(_event, value) => setName(value)} autoFocus />
          <Act type="submit" variant="secondary" blocked={name.trim() === "" ? t("filter-needs-name") : undefined}>
            {t("filter-keep")}
          </Act>
          <Button variant="link" onClick={() => setName(null)}>
            {t("cancel")}
          </Button>
          <span className="hv-muted">{t("filter-where")}</span>
        </form>
      )}
    </div>
  );
}
