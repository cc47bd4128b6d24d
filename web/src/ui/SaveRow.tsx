// The end of a form of settings: save, take back what was typed, and why it cannot be saved.
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { Act } from "./Act";

interface Props {
  /** Why it cannot be saved now, in words. */
  blocked: string | undefined;
  busy: boolean;
  /** Takes back what was typed; left out where nothing was. */
  onDiscard?: (() => void) | undefined;
}

export function SaveRow({ blocked, busy, onDiscard }: Props): ReactNode {
  const { t } = useI18n();
  return (
    <div className="hv-buttons">
      <Act type="submit" blocked={blocked} isLoading={busy}>
        {t("save")}
      </Act>
      {onDiscard !== undefined && (
        <Act variant="link" blocked={busy ? t("busy") : undefined} onClick={onDiscard}>
          {t("settings-discard")}
        </Act>
      )}
      <span className="hv-blocked" role="status">
        {blocked ?? ""}
      </span>
    </div>
  );
}
