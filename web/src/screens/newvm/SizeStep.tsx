// Where a new machine runs, how large it is, and what it is connected to.
import { Checkbox, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Help } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import type { Draft, Stock, Wanted } from "./draft";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

interface Props {
  wanted: Wanted;
  stock: Stock;
  network: string | null;
  edit: (change: Partial<Draft>) => void;
}

export function SizeStep({ wanted, stock, network, edit }: Props): ReactNode {
  const { t, bytes } = useI18n();
  const metrics = useAll("host_metrics");
  const largest = Math.max(0, ...metrics.filter((each) => each.live).map((each) => each.memory_total));
  const { sr } = wanted;
  return (
    <div className="hv-stack">
      <FormGroup label={t("newvm-home")} fieldId="vm-home">
        <FormSelect id="vm-home" value={wanted.home?.$ref ?? ""} onChange={(_event, home) => edit({ home })}>
          <FormSelectOption value="" label={t("newvm-home-any")} />
          {stock.hosts.map((host) => (
            <FormSelectOption key={host.$ref} value={host.$ref} label={host.name_label} />
          ))}
        </FormSelect>
        <Help>{t("newvm-home-help")}</Help>
      </FormGroup>
      {wanted.names.length > 1 && <Checkbox id="vm-apart" label={t("newvm-apart")} description={t("newvm-apart-body")} isChecked={wanted.isApart} onChange={(_event, isApart) => edit({ isApart })} />}
      <NumberField id="vm-vcpus" label={t("column-vcpus")} value={wanted.vcpus} min={1} max={256} onChange={(vcpus) => edit({ vcpus })} />
      <NumberField id="vm-memory" label={t("newvm-memory-mib")} value={wanted.memory / MIB} min={64} max={4 * 1024 * 1024} step={256} onChange={(value) => edit({ memory: value * MIB })} />
      {largest > 0 && <p className={wanted.memory > largest ? "hv-bad-text" : "hv-muted"}>{t("newvm-largest-host", { size: bytes(largest) })}</p>}
      <NumberField id="vm-disk" label={t("newvm-disk-gib")} value={wanted.disk / GIB} min={0} max={65_536} onChange={(diskGib) => edit({ diskGib })} />
      {stock.withDisk.has(wanted.template.$ref) && <p className="hv-muted">{t("newvm-own-disk")}</p>}
      <FormGroup label={t("tab-storage")} fieldId="vm-sr">
        <FormSelect id="vm-sr" value={sr?.$ref ?? ""} onChange={(_event, value) => edit({ sr: value })}>
          {stock.srs.map((each) => (
            <FormSelectOption key={each.$ref} value={each.$ref} label={`${each.name_label} (${t(each.shared ? "shared-yes" : "shared-no")}, ${t("memory-free", { size: bytes(Math.max(0, each.physical_size - each.physical_utilisation)) })})`} />
          ))}
        </FormSelect>
      </FormGroup>
      {sr !== undefined && !sr.shared && <p className="hv-bad-text">{t("newvm-local-storage")}</p>}
      <FormGroup label={t("kind-network")} fieldId="vm-network">
        <FormSelect id="vm-network" value={network ?? wanted.network?.$ref ?? ""} onChange={(_event, value) => edit({ network: value })}>
          {stock.networks.map((each) => (
            <FormSelectOption key={each.$ref} value={each.$ref} label={each.name_label} />
          ))}
          <FormSelectOption value="" label={t("newvm-no-network")} />
        </FormSelect>
      </FormGroup>
    </div>
  );
}
