// W7: template, name, size, disk, network; every step has a good default.
import { Checkbox, FormGroup, FormSelect, FormSelectOption, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { useTolerance } from "@/model/ha";
import { type Item, useAll, usePool, useVms } from "@/store/hooks";
import { Facts, Nothing } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { WizardPage } from "@/ui/WizardPage";
import { POLICIES, policyWord } from "../availability/actions";
import { cliOf, create, type Wanted } from "./create";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const DISK_GIB = 20;

/** `web1` when `web` and so on exist: a name that nobody has. */
function freeName(base: string, vms: ReadonlyArray<Item<"VM">>): string {
  const taken = new Set(vms.map((vm) => vm.name_label));
  for (let number = 1; ; number += 1) if (!taken.has(`${base}-${number}`)) return `${base}-${number}`;
}

/** Storage on which the machine may be protected comes first. */
function bestStorage(srs: ReadonlyArray<Item<"SR">>, pool: Item<"pool"> | undefined): Item<"SR"> | undefined {
  const main = srs.find((sr) => sr.$ref === pool?.default_SR);
  return main ?? srs.find((sr) => sr.shared) ?? srs[0];
}

export default function NewVm(): ReactNode {
  const { t, bytes, number } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const [search] = useSearchParams();
  const pool = usePool();
  const vms = useVms();
  const templates = useAll("VM").filter((vm) => vm.is_a_template && !vm.is_a_snapshot);
  const srs = useAll("SR").filter((sr) => sr.content_type !== "iso");
  const networks = useAll("network");
  const [picked, setPicked] = useState(search.get("template") ?? "");
  const [name, setName] = useState<string | null>(null);
  const [vcpus, setVcpus] = useState<number | null>(null);
  const [memory, setMemory] = useState<number | null>(null);
  const [diskGib, setDiskGib] = useState<number | null>(null);
  const [sr, setSr] = useState<string | null>(null);
  const [network, setNetwork] = useState<string | null>(null);
  const [policy, setPolicy] = useState<string | null>(null);
  const [isStarted, setStarted] = useState(true);
  const template = templates.find((each) => each.uuid === picked) ?? templates.find((each) => each.name_label === "Linux") ?? templates[0];
  const storage = srs.find((each) => each.$ref === sr) ?? bestStorage(srs, pool);
  const protectable = pool?.ha_enabled === true && storage?.shared === true;
  // A direct-kernel guest of a few megabytes needs no 20 GiB.
  const diskDefault = (template?.memory_static_max ?? GIB) < 512 * MIB ? 0.0625 : DISK_GIB;
  const wanted: Wanted | undefined = template && {
    template,
    name: (name ?? freeName(template.name_label.split(" ")[0]?.toLowerCase() ?? "vm", vms)).trim(),
    vcpus: vcpus ?? template.VCPUs_at_startup,
    memory: memory ?? template.memory_static_max,
    disk: Math.round((diskGib ?? diskDefault) * GIB),
    sr: storage,
    network: network === "" ? undefined : (networks.find((each) => each.$ref === network) ?? networks[0]),
    policy: policy ?? (protectable ? "restart" : ""),
    isStarted,
  };
  const tolerance = useTolerance(new Map(vms.map((vm) => [vm.$ref, vm.ha_restart_priority])));
  if (wanted === undefined) return <Nothing title="newvm-no-template" body="newvm-no-template-body" />;
  const finish = async (): Promise<void> => {
    const uuid = await create(world, wanted);
    await navigate(`/vm/${uuid}`);
  };
  return (
    <WizardPage
      title="newvm-title"
      finish="newvm-create"
      cancelTo="/pool/vms"
      onFinish={finish}
      cli={[cliOf(wanted)]}
      steps={[
        {
          id: "template",
          label: "newvm-step-template",
          why: "newvm-why-template",
          body: (
            <div className="hv-stack" role="radiogroup" aria-label={t("newvm-step-template")}>
              {templates.map((each) => (
                <Radio
                  key={each.$ref}
                  id={`template-${each.uuid}`}
                  name="template"
                  isChecked={each.$ref === template?.$ref}
                  onChange={() => setPicked(each.uuid)}
                  label={each.name_label}
                  description={[each.name_description, t("newvm-size", { vcpus: each.VCPUs_at_startup, memory: bytes(each.memory_static_max) })].filter((text) => text !== "").join(" · ")}
                />
              ))}
              <FormGroup label={t("column-name")} fieldId="vm-name" isRequired>
                <TextInput id="vm-name" value={name ?? wanted.name} onChange={(_event, value) => setName(value)} />
              </FormGroup>
            </div>
          ),
          blocked: wanted.name === "" ? t("newvm-needs-name") : undefined,
        },
        {
          id: "size",
          label: "newvm-step-size",
          why: "newvm-why-size",
          body: (
            <div className="hv-stack">
              <NumberField id="vm-vcpus" label={t("column-vcpus")} value={wanted.vcpus} min={1} max={256} onChange={setVcpus} />
              <NumberField id="vm-memory" label={t("newvm-memory-mib")} value={wanted.memory / MIB} min={64} max={4 * 1024 * 1024} step={256} onChange={(value) => setMemory(value * MIB)} />
              <NumberField id="vm-disk" label={t("newvm-disk-gib")} value={wanted.disk / GIB} min={0} max={65_536} onChange={setDiskGib} />
              <FormGroup label={t("tab-storage")} fieldId="vm-sr">
                <FormSelect id="vm-sr" value={storage?.$ref ?? ""} onChange={(_event, value) => setSr(value)}>
                  {srs.map((each) => (
                    <FormSelectOption key={each.$ref} value={each.$ref} label={`${each.name_label} (${t(each.shared ? "shared-yes" : "shared-no")}, ${t("memory-free", { size: bytes(Math.max(0, each.physical_size - each.physical_utilisation)) })})`} />
                  ))}
                </FormSelect>
              </FormGroup>
              {storage !== undefined && !storage.shared && <p className="hv-bad-text">{t("newvm-local-storage")}</p>}
              <FormGroup label={t("kind-network")} fieldId="vm-network">
                <FormSelect id="vm-network" value={network ?? wanted.network?.$ref ?? ""} onChange={(_event, value) => setNetwork(value)}>
                  {networks.map((each) => (
                    <FormSelectOption key={each.$ref} value={each.$ref} label={each.name_label} />
                  ))}
                  <FormSelectOption value="" label={t("newvm-no-network")} />
                </FormSelect>
              </FormGroup>
            </div>
          ),
          blocked: storage === undefined && wanted.disk > 0 ? t("newvm-needs-storage") : undefined,
        },
        {
          id: "review",
          label: "newvm-step-review",
          why: "newvm-why-review",
          body: (
            <div className="hv-stack">
              <Facts
                facts={[
                  ["column-name", wanted.name],
                  ["newvm-step-template", template?.name_label],
                  ["newvm-step-size", t("newvm-size", { vcpus: wanted.vcpus, memory: bytes(wanted.memory) })],
                  ["tab-disks", wanted.disk > 0 ? `${bytes(wanted.disk)} · ${storage?.name_label ?? ""}` : t("newvm-no-disk")],
                  ["kind-network", wanted.network?.name_label ?? t("newvm-no-network")],
                ]}
              />
              <FormGroup label={t("tab-protection")} fieldId="vm-policy">
                <FormSelect id="vm-policy" value={wanted.policy} isDisabled={storage?.shared !== true} onChange={(_event, value) => setPolicy(value)}>
                  {POLICIES.map((each) => (
                    <FormSelectOption key={each} value={each} label={t(`policy-${policyWord(each)}`)} />
                  ))}
                </FormSelect>
              </FormGroup>
              {pool?.ha_enabled === true && <p className="hv-muted">{t("failures-possible", { possible: tolerance.data ?? 0 })}</p>}
              <Checkbox id="vm-start" label={t("newvm-start")} isChecked={isStarted} onChange={(_event, value) => setStarted(value)} />
              <p className="hv-muted">{t("newvm-vms", { count: number(vms.length) })}</p>
            </div>
          ),
        },
      ]}
    />
  );
}
