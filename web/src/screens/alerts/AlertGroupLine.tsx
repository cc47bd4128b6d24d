// Alerts that belong together: the newest of them, how many there are and since when, and all of them on demand.
import { Button } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useActions } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { Pill } from "@/ui/status";
import { clearLine, clearMany, giveBack, take } from "./actions";
import { AlertLine } from "./AlertLine";
import type { AlertGroup } from "./groups";
import { acknowledgedOf } from "./standing";

/** Lines of a group that are drawn when it is unfolded. */
const SHOWN_MAX = 50;

interface Props {
  group: AlertGroup;
  isChosen: boolean;
  onChoose: () => void;
  /** What the group is called for those who do not see it; a text. */
  label: string;
  /** Whether they all say the same: then the line says all that is cleared with it. */
  isAlike: boolean;
}

export function AlertGroupLine({ group, isChosen, onChoose, label, isAlike }: Props): ReactNode {
  const { t, dateTime } = useI18n();
  const { perform } = useActions();
  const [open, setOpen] = useState(false);
  const { alerts } = group;
  const [newest] = alerts;
  const count = alerts.length;
  // Those that nobody has taken on yet.
  const untaken = alerts.filter((alert) => acknowledgedOf(alert) === undefined);
  const mine = untaken.length > 0 ? take : giveBack;
  return (
    <div className="hv-alert-group" data-count={count}>
      <input type="checkbox" aria-label={t("select-row", { name: label })} checked={isChosen} onChange={onChoose} />
      <div>
        <AlertLine alert={newest} />
        {count > 1 && (
          <p className="hv-line hv-alert-more">
            <Pill colour="grey">{t("alerts-times", { count })}</Pill>
            <span className="hv-muted">{t("alerts-since", { since: dateTime(group.since) })}</span>
            <Button variant="link" isInline aria-expanded={open} aria-label={`${t(open ? "alerts-fold" : "alerts-unfold")}: ${label}`} onClick={() => setOpen(!open)}>
              {t(open ? "alerts-fold" : "alerts-unfold")}
            </Button>
          </p>
        )}
        {open && (
          <div className="hv-alert-rest">
            {alerts.slice(1, SHOWN_MAX).map((alert) => (
              <AlertLine key={alert.$ref} alert={alert} />
            ))}
            {count > SHOWN_MAX && <p className="hv-muted">{t("show-more", { count: count - SHOWN_MAX })}</p>}
          </div>
        )}
      </div>
      <div className="hv-alert-do">
        <Button variant="link" isInline data-action={mine.id} aria-label={`${t(mine.label)}: ${label}`} onClick={() => perform(mine, mine === take ? untaken : alerts)}>
          {t(mine.label)}
        </Button>
        <Button variant="link" isInline data-action="message.clear" aria-label={`${t("alert-clear")}: ${label}`} onClick={() => perform(isAlike ? clearLine : clearMany, alerts)}>
          {t("alert-clear")}
        </Button>
      </div>
    </div>
  );
}
