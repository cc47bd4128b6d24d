// The steps of a new machine apart from its media: each is one question.
import { Button, Card, CardBody, Checkbox, FormGroup, FormSelect, FormSelectOption, Radio, TextInput } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { SrSelect } from "@/ui/SrSelect";
import { ownName } from "@/ui/names";
import { CoresSelect } from "../vm/CoresSelect";
import { type Bus, BUSES, COUNT_MAX, DEVICES_MAX, type Draft, isDirectKernel, type Stock, type Wanted } from "./draft";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** What a further disk is at first, in GiB. */
const FURTHER_GIB = 20;

interface Props {
  draft: Draft;
  wanted: Wanted;
  stock: Stock;
  edit: (change: Partial<Draft>) => void;
}

/** What the pool's own templates say of themselves (crates/daemon/src/ops/init.rs); others speak their owner's language. */
const OWN_TEMPLATES: Record<string, string> = {
  "A modern Linux with virtio drivers": "newvm-own-linux",
  "Windows with virtio drivers": "newvm-own-windows",
  "Any system, installed from a CD or the network": "newvm-own-other",
  "A tiny guest that boots from a kernel on the host; for trials": "newvm-own-trial",
};

/** What a machine of a template has at first. */
function startOf(template: Item<"VM">, stock: Stock): string {
  if (isDirectKernel(template)) return "newvm-template-kernel";
  return stock.withDisk.has(template.$ref) ? "newvm-template-disk" : "newvm-template-empty";
}

export function TemplateStep({ wanted, stock, edit }: Props): ReactNode {
  const { t, bytes, dateTime } = useI18n();
  const snapshotName = (each: Item<"VM">, { vms }: Stock): string =>
    [vms.find((vm) => vm.$ref === each.snapshot_of)?.name_label ?? "", each.name_label, dateTime(wireTime(each.snapshot_time))].filter((text) => text !== "").join(" · ");
  return (
    <div className="hv-stack">
      <div className="hv-ways" role="radiogroup" aria-label={t("newvm-step-template")}>
        {stock.templates.map((each) => {
          const isChosen = each.$ref === wanted.template.$ref;
          const own = OWN_TEMPLATES[each.name_description];
          const about = own === undefined ? each.name_description : t(own);
          const size = t("newvm-size", { vcpus: each.VCPUs_at_startup, memory: bytes(each.memory_static_max) });
          return (
            <Card key={each.$ref} isCompact className={isChosen ? "hv-way hv-way-chosen" : "hv-way"}>
              <CardBody>
                <Radio
                  id={`template-${each.uuid}`}
                  name="template"
                  isChecked={isChosen}
                  onChange={() => edit({ template: each.uuid })}
                  label={ownName(each, t)}
                  description={[about, size, t(startOf(each, stock))].filter((text) => text !== "").join(" · ")}
                />
              </CardBody>
            </Card>
          );
        })}
      </div>
      {stock.snapshots.length > 0 && (
        <FormGroup label={t("newvm-from-snapshot")} fieldId="vm-snapshot">
          <FormSelect id="vm-snapshot" value={wanted.template.is_a_snapshot ? wanted.template.uuid : ""} onChange={(_event, uuid) => edit({ template: uuid })}>
            <FormSelectOption value="" label={t("newvm-no-snapshot")} />
            {stock.snapshots.map((each) => (
              <FormSelectOption key={each.$ref} value={each.uuid} label={snapshotName(each, stock)} />
            ))}
          </FormSelect>
          <Help>{t("newvm-from-snapshot-help")}</Help>
        </FormGroup>
      )}
      <p>
        {t("newvm-or-import")} <Link to="/new/import">{t("import-title")}</Link>
      </p>
    </div>
  );
}

export function NameStep({ draft, wanted, edit }: Props): ReactNode {
  const { t, list } = useI18n();
  const [first, second] = wanted.names;
  const shown = wanted.names.length > 3 ? [first ?? "", second ?? "", "…", wanted.names.at(-1) ?? ""] : wanted.names;
  return (
    <div className="hv-stack">
      <FormGroup label={t("column-name")} fieldId="vm-name" isRequired>
        <TextInput id="vm-name" value={draft.name ?? wanted.base} onChange={(_event, name) => edit({ name })} autoComplete="off" />
        {wanted.names.length > 1 && <Help>{t("newvm-names", { names: list(shown) })}</Help>}
      </FormGroup>
      <FormGroup label={t("column-description")} fieldId="vm-description">
        <TextInput id="vm-description" value={draft.description} onChange={(_event, description) => edit({ description })} autoComplete="off" />
      </FormGroup>
      <div className="hv-pair">
        <FormGroup label={t("column-folder")} fieldId="vm-folder">
          <TextInput id="vm-folder" value={draft.folder} onChange={(_event, folder) => edit({ folder })} placeholder="/school/first" autoComplete="off" />
          <Help>{t("folder-help")}</Help>
        </FormGroup>
        <FormGroup label={t("vm-tags")} fieldId="vm-tags">
          <TextInput id="vm-tags" value={draft.tags} onChange={(_event, tags) => edit({ tags })} autoComplete="off" />
          <Help>{t("tags-help")}</Help>
        </FormGroup>
      </div>
      <NumberField id="vm-count" label={t("newvm-count")} value={draft.count} min={1} max={COUNT_MAX} onChange={(value) => edit({ count: Math.round(value) })} />
    </div>
  );
}

export function WhereStep({ draft, wanted, stock, edit }: Props): ReactNode {
  const { t, list } = useI18n();
  const groups = useQuery({ queryKey: ["vm-groups"], queryFn: () => call("VM_group.get_all_records") });
  const apart = Object.values(groups.data ?? {}).filter((each) => each.placement === "anti_affinity");
  const members = apart.find((each) => each.name_label === wanted.group)?.VMs ?? [];
  const names = stock.vms.filter((vm) => members.includes(vm.$ref)).map((vm) => vm.name_label);
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
      <FormGroup label={t("newvm-group")} fieldId="vm-group">
        <TextInput id="vm-group" value={draft.group} onChange={(_event, group) => edit({ group })} list="vm-groups" autoComplete="off" />
        <datalist id="vm-groups">
          {apart.map((each) => (
            <option key={each.uuid} value={each.name_label}>
              {each.name_label}
            </option>
          ))}
        </datalist>
        <Help>{names.length > 0 ? t("newvm-group-has", { names: list(names) }) : t("newvm-group-help")}</Help>
      </FormGroup>
      {wanted.names.length > 1 && draft.group.trim() === "" && <Checkbox id="vm-apart" label={t("newvm-apart")} description={t("newvm-apart-body")} isChecked={draft.isApart} onChange={(_event, isApart) => edit({ isApart })} />}
    </div>
  );
}

export function SizeStep({ wanted, edit }: Props): ReactNode {
  const { t, bytes, number } = useI18n();
  const hosts = useAll("host");
  const metrics = useAll("host_metrics");
  const largest = Math.max(0, ...metrics.filter((each) => each.live).map((each) => each.memory_total));
  const cores = Math.max(0, ...hosts.map((host) => Number(host.cpu_info["cpu_count"] ?? 0)));
  return (
    <div className="hv-stack">
      <NumberField id="vm-vcpus" label={t("column-vcpus")} value={wanted.vcpus} min={1} max={256} slideTo={cores} onChange={(vcpus) => edit({ vcpus: Math.round(vcpus) })} />
      {cores > 0 && <p className={wanted.vcpus > cores ? "hv-bad-text" : "hv-muted"}>{t("newvm-largest-cores", { cores: number(cores) })}</p>}
      <CoresSelect id="vm-cores" vcpus={wanted.vcpus} cores={wanted.cores} onChange={(cores) => edit({ cores })} />
      <NumberField id="vm-memory" label={t("newvm-memory-mib")} value={wanted.memory / MIB} min={64} max={4 * 1024 * 1024} step={256} slideTo={Math.floor(largest / MIB / 256) * 256} onChange={(value) => edit({ memory: value * MIB })} />
      {largest > 0 && <p className={wanted.memory > largest ? "hv-bad-text" : "hv-muted"}>{t("newvm-largest-host", { size: bytes(largest) })}</p>}
    </div>
  );
}

/** Empty for what is no bus. */
function busNamed(text: string): Bus | "" {
  return BUSES.find((each) => each === text) ?? "";
}

export function DisksStep({ draft, wanted, stock, edit }: Props): ReactNode {
  const { t } = useI18n();
  const disks = wanted.disks.map((size) => size / GIB);
  return (
    <div className="hv-stack">
      {stock.withDisk.has(wanted.template.$ref) && <p>{t("newvm-own-disk")}</p>}
      {disks.map((gib, at) => (
        // Disks have no names yet: the place is what tells them apart.
        // eslint-disable-next-line react/no-array-index-key
        <div key={at} className="hv-line">
          <NumberField id={at === 0 ? "vm-disk" : `vm-disk-${at + 1}`} label={at === 0 ? t("newvm-disk-gib") : t("newvm-disk-n", { number: at + 1 })} value={gib} min={0.001} max={65_536} onChange={(value) => edit({ disks: disks.with(at, value) })} />
          {disks.length > 1 && (
            <FormSelect id={`vm-disk-bus-${at + 1}`} className="hv-disk-bus" aria-label={t("disk-bus-of", { number: at + 1 })} value={draft.buses[at] ?? ""} onChange={(_event, value) => edit({ buses: disks.map((_gib, index) => (index === at ? busNamed(value) : (draft.buses[index] ?? ""))) })}>
              <FormSelectOption value="" label={t("disk-bus-same", { bus: t(`bus-${draft.bus}`) })} />
              {BUSES.map((each) => (
                <FormSelectOption key={each} value={each} label={t(`bus-${each}`)} />
              ))}
            </FormSelect>
          )}
          <Button variant="link" aria-label={t("newvm-disk-drop-of", { number: at + 1 })} onClick={() => edit({ disks: disks.toSpliced(at, 1), buses: draft.buses.toSpliced(at, 1) })}>
            {t("newvm-disk-drop")}
          </Button>
        </div>
      ))}
      <div className="hv-buttons">
        <Act variant="secondary" blocked={disks.length >= DEVICES_MAX ? t("newvm-devices-most", { most: DEVICES_MAX }) : undefined} onClick={() => edit({ disks: [...disks, FURTHER_GIB] })}>
          {t("disk-add")}
        </Act>
      </div>
      {disks.length > 0 && <SrSelect id="vm-sr" srs={stock.srs} sr={wanted.sr} onChange={(sr) => edit({ sr })} />}
      {disks.length > 0 && (
        <FormGroup label={t("newvm-bus")} fieldId="vm-bus">
          <FormSelect id="vm-bus" value={draft.bus} onChange={(_event, value) => edit({ bus: busNamed(value) || "virtio" })}>
            {BUSES.map((each) => (
              <FormSelectOption key={each} value={each} label={t(`bus-${each}`)} />
            ))}
          </FormSelect>
          <Help>{t(`bus-${draft.bus}-help`)}</Help>
        </FormGroup>
      )}
      {disks.length === 0 && !stock.withDisk.has(wanted.template.$ref) && <p className="hv-muted">{t("vm-no-disks-body")}</p>}
    </div>
  );
}
