// Several hosts that were checked: every check of each beside each other, what would come of adding them, and
// one button for all that are ready.
import { type ReactNode, useState } from "react";
import { haven as cliOf } from "@/actions/cli";
import { haven, type HostCheck } from "@/api/haven";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { CheckCell } from "./CheckCell";
import { type Trial, useTrials } from "./trials";

/** The worst of the checks of this name: storage is checked once for each repository. */
function stateOf(checks: readonly HostCheck[], id: string): HostCheck["state"] | undefined {
  const states = new Set(checks.filter((check) => check.id === id).map((check) => check.state));
  return (["bad", "warning", "good"] as const).find((state) => states.has(state));
}

const isReady = ({ found, joined }: Trial): boolean => found?.ok === true && joined === undefined;

export function Review(): ReactNode {
  const { t, list } = useI18n();
  const { all, set } = useTrials();
  const [busy, setBusy] = useState(false);
  const checked = [...all].filter(([, trial]) => trial.found?.checks !== undefined);
  if (checked.length < 2) return null;
  const checksOf = (trial: Trial): readonly HostCheck[] => trial.found?.checks ?? [];
  const nameOf = (address: string, trial: Trial): string => trial.found?.name ?? address;
  const ids = [...new Set(checked.flatMap(([, trial]) => checksOf(trial).map((check) => check.id)))];
  const ready = checked.filter(([, trial]) => isReady(trial));
  const outcome = (trial: Trial): string => {
    if (trial.joined !== undefined) return t("by-address-here");
    const bad = checksOf(trial).filter((check) => check.state === "bad").map((check) => t(`host-check-${check.id}`));
    return bad.length > 0 ? t("review-not-yet", { checks: list([...new Set(bad)]) }) : t("review-joins");
  };
  const addAll = async (): Promise<void> => {
    setBusy(true);
    // One after the other: each joins the pool that the one before has joined.
    for (const [address, trial] of ready) {
      try {
        set(address, { ...trial, joined: await haven.addHost(address, trial.fingerprint, trial.code) });
      } catch (error) {
        set(address, { ...trial, error });
      }
    }
    setBusy(false);
  };
  const blocked = busy ? t("busy") : ready.length === 0 ? t("review-none") : undefined;
  return (
    <Panel title={t("review-title")}>
      <div className="hv-stack">
        <div className="hv-card-list" role="region" aria-label={t("review-title")} tabIndex={0}>
          <table className="hv-matrix" aria-label={t("review-title")}>
            <thead>
              <tr>
                <th scope="col">{t("new-host-checks")}</th>
                {checked.map(([address, trial]) => (
                  <th key={address} scope="col">
                    {nameOf(address, trial)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {ids.map((id) => (
                <tr key={id} data-check={id}>
                  <th scope="row">{t(`host-check-${id}`)}</th>
                  {checked.map(([address, trial]) => {
                    const state = stateOf(checksOf(trial), id);
                    return <td key={address}>{state === undefined ? "–" : <CheckCell state={state} />}</td>;
                  })}
                </tr>
              ))}
              <tr>
                <th scope="row">{t("review-outcome")}</th>
                {checked.map(([address, trial]) => (
                  <td key={address}>{outcome(trial)}</td>
                ))}
              </tr>
            </tbody>
          </table>
        </div>
        <p className="hv-muted">{t("review-body")}</p>
        <div className="hv-buttons">
          <Act blocked={blocked} isLoading={busy} onClick={() => void addAll()}>
            {t("review-add", { count: ready.length })}
          </Act>
        </div>
        <CliLines lines={ready.map(([address, { code, fingerprint }]) => cliOf("host", "add", address, "--code", code, "--fingerprint", fingerprint))} />
      </div>
    </Panel>
  );
}
