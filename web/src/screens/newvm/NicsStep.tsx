// The interfaces of a new machine: network, address, and what they may send.
import { Button, FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { ownName } from "@/ui/names";
import { isWrongMac, LIMIT_MIB_S_MAX } from "../vm/marks";
import { DEVICES_MAX, type Draft, type NicDraft, type Stock, type Wanted } from "./draft";

interface Props {
  draft: Draft;
  wanted: Wanted;
  stock: Stock;
  edit: (change: Partial<Draft>) => void;
}

export function NicsStep({ draft, wanted, stock, edit }: Props): ReactNode {
  const { t } = useI18n();
  const nics: readonly NicDraft[] = draft.nics ?? wanted.nics.map(({ network, mac, limit }) => ({ network: network.$ref, mac, limit }));
  const isOne = wanted.names.length === 1;
  const blocked = stock.networks.length === 0 ? t("nic-no-network") : nics.length >= DEVICES_MAX ? t("newvm-devices-most", { most: DEVICES_MAX }) : undefined;
  const set = (at: number, part: Partial<NicDraft>): void => edit({ nics: nics.map((nic, index) => (index === at ? { ...nic, ...part } : nic)) });
  return (
    <div className="hv-stack">
      {stock.withNic.has(wanted.template.$ref) && <p>{t("newvm-own-nic")}</p>}
      {nics.map((nic, at) => {
        const id = at === 0 ? "vm-network" : `vm-network-${at}`;
        const isWrong = isOne && isWrongMac(nic.mac);
        return (
          // Two interfaces may be in one network: the place is what tells them apart.
          // eslint-disable-next-line react/no-array-index-key
          <fieldset key={at} className="hv-nic">
            <legend>{t("newvm-interface", { number: at })}</legend>
            <FormGroup label={t("kind-network")} fieldId={id}>
              <FormSelect id={id} value={nic.network} onChange={(_event, network) => set(at, { network })}>
                {stock.networks.map((each) => (
                  <FormSelectOption key={each.$ref} value={each.$ref} label={ownName(each, t)} />
                ))}
              </FormSelect>
            </FormGroup>
            <FormGroup label={t("nic-mac")} fieldId={`${id}-mac`}>
              <TextInput id={`${id}-mac`} value={isOne ? nic.mac : ""} readOnlyVariant={isOne ? undefined : "default"} onChange={(_event, mac) => set(at, { mac })} placeholder={t("nic-mac-made")} validated={isWrong ? "error" : "default"} autoComplete="off" spellCheck={false} />
              <Help isWrong={isWrong}>{t(isWrong ? "nic-mac-wrong" : isOne ? "nic-mac-help" : "nic-mac-many")}</Help>
            </FormGroup>
            <NumberField id={`${id}-limit`} label={t("nic-limit")} value={nic.limit} min={0} max={LIMIT_MIB_S_MAX} onChange={(limit) => set(at, { limit })} />
            <Button variant="link" aria-label={t("newvm-interface-drop-of", { number: at })} onClick={() => edit({ nics: nics.toSpliced(at, 1) })}>
              {t("newvm-disk-drop")}
            </Button>
          </fieldset>
        );
      })}
      {nics.length === 0 && !stock.withNic.has(wanted.template.$ref) && <p className="hv-muted">{t("vm-no-interfaces-body")}</p>}
      <div className="hv-buttons">
        <Act variant="secondary" blocked={blocked} onClick={() => edit({ nics: [...nics, { network: stock.networks[0]?.$ref ?? "", mac: "", limit: 0 }] })}>
          {t("nic-add")}
        </Act>
      </div>
    </div>
  );
}
