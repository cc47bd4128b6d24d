// The steps of turning protection on.
import { Alert, Button, Checkbox, FormSelect, FormSelectOption, Label, NumberInput, Radio } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import TimesCircleIcon from "@patternfly/react-icons/dist/esm/icons/times-circle-icon";
import { type ReactNode, useMemo, useState } from "react";
import { useI18n } from "@/i18n";
import { carriesProtection, roomOf } from "@/model/storage";
import { type Item, useAll, useTable } from "@/store/hooks";
import { Facts, Nothing } from "@/ui/bits";
import { useErrorText } from "@/ui/ErrorView";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { PowerPill } from "@/ui/status";
import { POLICIES, type Policy, policyWord } from "./actions";
import type { Eligible } from "./ProtectWizard";

interface Check {
  id: string;
  state: "good" | "warning" | "bad";
  text: string;
}

/** What the page knows by itself; every host checks more when protection is turned on. */
function useChecks(): Check[] {
  const { t } = useI18n();
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const srs = useAll("SR");
  const pbds = useTable("PBD");
  return useMemo(() => {
    const lost = hosts.filter((host) => metrics.byRef.get(host.metrics)?.live !== true);
    const shared = srs.filter(carriesProtection);
    const whole = shared.filter((sr) => sr.PBDs.length >= hosts.length && sr.PBDs.every((pbd) => pbds.byRef.get(pbd)?.currently_attached === true));
    const names = (rows: ReadonlyArray<{ name_label: string }>): string => rows.map((row) => row.name_label).join(", ");
    return [
      { id: "hosts", state: hosts.length >= 2 ? "good" : "bad", text: t("check-hosts", { count: hosts.length }) },
      lost.length === 0 ? { id: "live", state: "good", text: t("check-live") } : { id: "live", state: "bad", text: t("check-lost", { names: names(lost) }) },
      shared.length === 0 ? { id: "shared", state: "bad", text: t("check-no-shared") } : { id: "shared", state: "good", text: t("check-shared", { names: names(shared) }) },
      whole.length > 0 || shared.length === 0
        ? { id: "attached", state: whole.length > 0 ? "good" : "bad", text: t(whole.length > 0 ? "check-attached" : "check-attached-later") }
        : { id: "attached", state: "bad", text: t("check-detached", { names: names(shared) }) },
      ...(hosts.length < 2 ? [] : [hosts.length === 2 ? { id: "third", state: "warning" as const, text: t("check-two-hosts") } : { id: "third", state: "good" as const, text: t("check-three-hosts") }]),
    ];
  }, [hosts, metrics, srs, pbds, t]);
}

const MARKS = { good: CheckCircleIcon, warning: ExclamationTriangleIcon, bad: TimesCircleIcon };

export function CheckStep(): ReactNode {
  const { t } = useI18n();
  const checks = useChecks();
  return (
    <>
      <ul className="hv-checklist">
        {checks.map(({ id, state, text }) => {
          const Icon = MARKS[state];
          return (
            <li key={id} className={`hv-check-${state}`}>
              <Icon aria-label={t(`check-state-${state}`)} /> {text}
            </li>
          );
        })}
      </ul>
      <p className="hv-muted">{t("check-more-later")}</p>
    </>
  );
}

interface StorageProps {
  list: readonly Eligible[];
  isKnown: boolean;
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

/** Storage that every host writes its sign of life to. */
export function StorageStep({ list, isKnown, chosen, onChange }: StorageProps): ReactNode {
  const { t, bytes } = useI18n();
  const errorText = useErrorText();
  const toggle = (ref: string): void => {
    const next = new Set(chosen);
    if (!next.delete(ref)) next.add(ref);
    onChange(next);
  };
  if (!isKnown) return <p>{t("loading")}</p>;
  return (
    <div className="hv-stack" role="group" aria-label={t("protect-step-storage")}>
      {list.map(({ sr, why }) => (
        <Checkbox
          key={sr.$ref}
          id={`sr-${sr.uuid}`}
          isChecked={chosen.has(sr.$ref)}
          isDisabled={why !== undefined}
          onChange={() => toggle(sr.$ref)}
          label={sr.name_label}
          description={why === undefined ? t("storage-fits", { type: sr.type, free: bytes(roomOf(sr)) }) : errorText(why).what}
        />
      ))}
      <p className="hv-muted">{t("storage-hint")}</p>
    </div>
  );
}

interface MachinesProps {
  vms: ReadonlyArray<Item<"VM">>;
  policies: ReadonlyMap<string, Policy>;
  onPolicy: (refs: readonly string[], policy: Policy) => void;
  most: number;
  wanted: number;
  onWanted: (failures: number) => void;
}

export function MachinesStep({ vms, policies, onPolicy, most, wanted, onWanted }: MachinesProps): ReactNode {
  const { t } = useI18n();
  const [tag, setTag] = useState("");
  const tags = useMemo(() => [...new Set(vms.flatMap((vm) => vm.tags))].sort((a, b) => a.localeCompare(b)), [vms]);
  const columns = useMemo<Array<Column<Item<"VM">>>>(
    () => [
      { id: "name", label: "column-name", width: "2fr", value: (vm) => vm.name_label, cell: (vm) => vm.name_label },
      { id: "state", label: "column-state", cell: (vm) => <PowerPill state={vm.power_state} /> },
      {
        id: "policy",
        label: "column-policy",
        width: "2fr",
        value: (vm) => policies.get(vm.$ref) ?? "",
        cell: (vm) => (
          <FormSelect
            aria-label={t("policy-of", { name: vm.name_label })}
            value={policies.get(vm.$ref) ?? ""}
            onChange={(_event, value) => onPolicy([vm.$ref], value as Policy)}
          >
            {POLICIES.map((policy) => (
              <FormSelectOption key={policy} value={policy} label={t(`policy-${policyWord(policy)}`)} />
            ))}
          </FormSelect>
        ),
      },
    ],
    [t, policies, onPolicy],
  );
  return (
    <div className="hv-stack">
      {vms.length === 0 ? (
        <Nothing title="no-vms" body="protect-no-vms" />
      ) : (
        <>
          <div className="hv-buttons">
            <span>{t(tags.length > 0 ? "policy-for" : "policy-for-all")}</span>
            {tags.length > 0 && (
              <FormSelect className="hv-choice" aria-label={t("policy-for")} value={tag} onChange={(_event, value) => setTag(value)}>
                <FormSelectOption value="" label={t("policy-for-everything")} />
                {tags.map((each) => (
                  <FormSelectOption key={each} value={each} label={t("policy-for-tag", { tag: each })} />
                ))}
              </FormSelect>
            )}
            {POLICIES.map((policy) => (
              <Button key={policy} variant="secondary" size="sm" onClick={() => onPolicy(vms.filter((vm) => tag === "" || vm.tags.includes(tag)).map((vm) => vm.$ref), policy)}>
                {t(`policy-${policyWord(policy)}`)}
              </Button>
            ))}
          </div>
          <ObjectTable of="VM" rows={vms} columns={columns} label="protect-step-machines" hasSelection={false} height="20rem" />
        </>
      )}
      <div className="hv-line">
        <label htmlFor="wizard-failures">{t("failures-to-survive")}</label>
        <NumberInput
          id="wizard-failures"
          inputAriaLabel={t("failures-to-survive")}
          minusBtnAriaLabel={t("fewer")}
          plusBtnAriaLabel={t("more")}
          value={wanted}
          min={0}
          max={Math.max(most, 0)}
          onMinus={() => onWanted(wanted - 1)}
          onPlus={() => onWanted(wanted + 1)}
          onChange={(event) => onWanted(Number((event.target as HTMLInputElement).value))}
        />
      </div>
      {most > 0 && (
        <input type="range" className="hv-slider" aria-label={t("failures-to-survive")} min={0} max={most} value={Math.min(wanted, most)} onChange={(event) => onWanted(Number(event.target.value))} />
      )}
      <Alert isInline isPlain variant={most > 0 ? "success" : "warning"} title={t("failures-possible", { possible: most })} />
    </div>
  );
}

const PROFILES = ["fast", "default", "conservative"] as const;

interface ReviewProps {
  srs: ReadonlyArray<Item<"SR">>;
  policies: ReadonlyMap<string, Policy>;
  wanted: number;
  profile: string;
  onProfile: (profile: string) => void;
  /** Whether a rehearsal follows. */
  rehearse: boolean;
  onRehearse: (rehearse: boolean) => void;
}

export function ReviewStep({ srs, policies, wanted, profile, onProfile, rehearse, onRehearse }: ReviewProps): ReactNode {
  const { t } = useI18n();
  const count = (policy: Policy): number => [...policies.values()].filter((each) => each === policy).length;
  return (
    <div className="hv-stack">
      <Facts
        facts={[
          ["protect-step-storage", srs.map((sr) => <Label key={sr.$ref}>{sr.name_label}</Label>)],
          ["failures-to-survive", String(wanted)],
          ["tab-vms", t("review-machines", { sure: count("restart"), tried: count("best-effort"), none: count("") })],
        ]}
      />
      <fieldset className="hv-stack">
        <legend>{t("profile")}</legend>
        {PROFILES.map((each) => (
          <Radio
            key={each}
            id={`profile-${each}`}
            name="profile"
            isChecked={profile === each}
            onChange={() => onProfile(each)}
            label={t(`profile-${each}`)}
            description={t(`profile-${each}-body`)}
          />
        ))}
      </fieldset>
      <Checkbox id="rehearse" isChecked={rehearse} onChange={(_event, checked) => onRehearse(checked)} label={t("protect-rehearse")} description={t("protect-rehearse-body")} />
    </div>
  );
}
