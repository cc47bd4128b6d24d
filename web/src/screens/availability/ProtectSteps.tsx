// The steps of turning protection on.
import { Alert, Button, Checkbox, FormSelect, FormSelectOption, Label, NumberInput, Radio } from "@patternfly/react-core";
import { type ReactNode, useMemo, useState } from "react";
import { useI18n } from "@/i18n";
import { roomOf } from "@/model/storage";
import type { Item } from "@/store/hooks";
import { Facts, Nothing } from "@/ui/bits";
import { useErrorText } from "@/ui/ErrorView";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { PowerPill } from "@/ui/status";
import { ownName } from "@/ui/names";
import { POLICIES, type Policy, policyWord } from "./actions";
import type { Eligible } from "./ProtectWizard";

interface StorageProps {
  list: readonly Eligible[];
  isKnown: boolean;
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  /** Networks that can carry heartbeats beside the management one, and the uuids of those that shall. */
  networks: ReadonlyArray<Item<"network">>;
  paths: ReadonlySet<string>;
  onPaths: (paths: ReadonlySet<string>) => void;
}

/** With so many or more, three of them are used; with fewer, one. */
const STATEFILES = 3;

/** Storage that every host writes its sign of life to. */
export function StorageStep({ list, isKnown, chosen, onChange, networks, paths, onPaths }: StorageProps): ReactNode {
  const { t, bytes } = useI18n();
  const errorText = useErrorText();
  const toggle = (ref: string): void => {
    const next = new Set(chosen);
    if (!next.delete(ref)) next.add(ref);
    onChange(next);
  };
  const togglePath = (uuid: string): void => {
    const next = new Set(paths);
    if (!next.delete(uuid)) next.add(uuid);
    onPaths(next);
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
      {chosen.size > 1 && chosen.size < STATEFILES && <Alert isInline isPlain variant="info" title={t("storage-two")} />}
      {networks.length > 0 && (
        <fieldset className="hv-stack">
          <legend>{t("protect-paths")}</legend>
          {networks.map((network) => (
            <Checkbox key={network.uuid} id={`path-${network.uuid}`} isChecked={paths.has(network.uuid)} onChange={() => togglePath(network.uuid)} label={ownName(network, t)} description={t("protect-paths-body")} />
          ))}
        </fieldset>
      )}
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
  networks: ReadonlyArray<Item<"network">>;
  isBare: boolean;
  policies: ReadonlyMap<string, Policy>;
  wanted: number;
  profile: string;
  onProfile: (profile: string) => void;
  /** Whether a rehearsal follows. */
  rehearse: boolean;
  onRehearse: (rehearse: boolean) => void;
}

export function ReviewStep({ srs, networks, isBare, policies, wanted, profile, onProfile, rehearse, onRehearse }: ReviewProps): ReactNode {
  const { t } = useI18n();
  const count = (policy: Policy): number => [...policies.values()].filter((each) => each === policy).length;
  return (
    <div className="hv-stack">
      <Facts
        facts={[
          ["protect-step-storage", srs.map((sr) => <Label key={sr.$ref}>{sr.name_label}</Label>)],
          ["protect-paths", networks.map((network) => <Label key={network.$ref}>{ownName(network, t)}</Label>)],
          ["beat-watchdog", isBare ? t("watchdog-none") : undefined],
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
