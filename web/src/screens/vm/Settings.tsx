// What a machine is called, how large it is, where it prefers to be.
import { FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { isRef } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Item, useAll } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { BOOT_DEFAULT, BOOT_ORDERS, useBootWord } from "./boot";
import { CoresSelect } from "./CoresSelect";
import { coresOf } from "./marks";
import { useChanges } from "./useChanges";

const MIB = 2 ** 20;
const MEMORY_MIB_MAX = 4 * 1024 * 1024;
const VCPUS_MAX = 256;

export default function Settings({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const { t, number } = useI18n();
  const bootWord = useBootWord();
  const hosts = useAll("host");
  const now = {
    name: vm.name_label,
    description: vm.name_description,
    memory: vm.memory_static_max,
    vcpus: vm.VCPUs_at_startup,
    vcpusMax: vm.VCPUs_max,
    affinity: isRef(vm.affinity) ? vm.affinity : "",
    cores: coresOf(vm),
    boot: vm.HVM_boot_params["order"] ?? BOOT_DEFAULT,
  };
  const { shown, typed, set, frame } = useChanges(vm, now);
  const isOff = vm.power_state === "Halted";
  const mustBeOff = isOff ? undefined : t("vm-must-be-off");
  // Room that nobody asked for follows what the machine has.
  const most = typed.vcpusMax ?? (isOff && now.vcpus === now.vcpusMax ? shown.vcpus : now.vcpusMax);
  const blocked = shown.name.trim() === "" ? t("newvm-needs-name") : shown.vcpus > most ? t("settings-vcpus-over", { most: number(most) }) : undefined;
  const noMoreLive = isOff ? undefined : !vm.allowed_operations.includes("changing_VCPUs_live") ? mustBeOff : now.vcpusMax === 1 ? t("settings-vcpus-no-room") : undefined;
  return frame(
    <Panel title={t("settings-machine")}>
      <div className="hv-stack">
        <FormGroup label={t("column-name")} fieldId="set-name" isRequired>
          <TextInput id="set-name" value={shown.name} onChange={(_event, name) => set({ name })} autoComplete="off" />
        </FormGroup>
        <FormGroup label={t("column-description")} fieldId="set-description">
          <TextInput id="set-description" value={shown.description} onChange={(_event, description) => set({ description })} autoComplete="off" />
        </FormGroup>
        <NumberField id="set-memory" label={t("newvm-memory-mib")} value={shown.memory / MIB} min={16} max={MEMORY_MIB_MAX} step={256} blocked={mustBeOff} onChange={(value) => set({ memory: Math.round(value) * MIB })} />
        <NumberField id="set-vcpus" label={t("column-vcpus")} value={shown.vcpus} min={1} max={isOff ? VCPUS_MAX : now.vcpusMax} blocked={noMoreLive} onChange={(value) => set({ vcpus: Math.round(value) })} />
        {!isOff && noMoreLive === undefined && <p className="hv-muted">{t("settings-vcpus-live", { most: number(now.vcpusMax) })}</p>}
        <NumberField id="set-vcpus-max" label={t("settings-vcpus-max")} value={most} min={1} max={VCPUS_MAX} blocked={mustBeOff} onChange={(value) => set({ vcpusMax: Math.round(value) })} />
        <p className="hv-muted">{t("settings-vcpus-max-body")}</p>
        <CoresSelect id="set-cores" vcpus={most} cores={shown.cores} onChange={(cores) => set({ cores })} />
        {vm.PV_kernel === "" && (
          <FormGroup label={t("boot-order")} fieldId="set-boot">
            <FormSelect id="set-boot" value={shown.boot} onChange={(_event, boot) => set({ boot })}>
              {[...new Set([...BOOT_ORDERS, now.boot])].map((order) => (
                <FormSelectOption key={order} value={order} label={bootWord(order)} />
              ))}
            </FormSelect>
          </FormGroup>
        )}
        {!isOff && <p className="hv-muted">{t("settings-next-start")}</p>}
        <FormGroup label={t("vm-home")} fieldId="set-affinity">
          <FormSelect id="set-affinity" value={shown.affinity} onChange={(_event, affinity) => set({ affinity })}>
            <FormSelectOption value="" label={t("settings-any-host")} />
            {hosts.map((host) => (
              <FormSelectOption key={host.$ref} value={host.$ref} label={host.name_label} />
            ))}
          </FormSelect>
        </FormGroup>
      </div>
    </Panel>,
    blocked,
  );
}
