// W7: template and name, what it boots from, where and how large, and a review that says whether
// there is room; every step has a good default.
import { Checkbox, FormGroup, FormSelect, FormSelectOption, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { isLibrary } from "@/model/storage";
import { useAll, usePool, useTable, useVms } from "@/store/hooks";
import { Facts, Help, Nothing } from "@/ui/bits";
import { NumberField } from "@/ui/NumberField";
import { WizardPage } from "@/ui/WizardPage";
import { POLICIES, policyWord } from "../availability/actions";
import { cliOf, createAll } from "./create";
import { COUNT_MAX, type Draft, type Stock, type Wanted, wantedOf } from "./draft";
import { Fit } from "./Fit";
import { NO_FIRST_BOOT, wrongField } from "./firstBoot";
import { MediaStep } from "./MediaStep";
import { SizeStep } from "./SizeStep";

const EMPTY: Draft = {
  template: "", name: null, description: "", count: 1, source: "disk", image: "", firstBoot: NO_FIRST_BOOT, home: "", isApart: false,
  vcpus: null, memory: null, diskGib: null, sr: null, network: null, policy: null, isStarted: true,
};

function useStock(): Stock {
  const pool = usePool();
  const vms = useVms();
  const templates = useAll("VM").filter((vm) => vm.is_a_template && !vm.is_a_snapshot);
  const vbds = useTable("VBD");
  const isDisk = (vbd: string): boolean => vbds.byRef.get(vbd)?.type === "Disk";
  const withDisk = new Set(templates.filter((each) => each.VBDs.some(isDisk)).map((each) => each.$ref));
  const all = useAll("SR");
  const libraries = new Set(all.filter(isLibrary).map((sr) => sr.$ref));
  const images = useAll("VDI").filter((vdi) => libraries.has(vdi.SR) && !vdi.missing);
  images.sort((a, b) => a.name_label.localeCompare(b.name_label));
  return { pool, vms, templates, withDisk, srs: all.filter((sr) => !isLibrary(sr)), images, hosts: useAll("host"), networks: useAll("network") };
}

/** Why the media step is not done yet; a message. */
function mediaBlocked(wanted: Wanted): string | undefined {
  if (wanted.source === "iso" && wanted.image === undefined) return "media-no-images";
  return wanted.source === "cloud" ? wrongField(wanted.firstBoot)?.text : undefined;
}

export default function NewVm(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const [search] = useSearchParams();
  const stock = useStock();
  const [draft, setDraft] = useState<Draft>(() => ({ ...EMPTY, template: search.get("template") ?? "" }));
  const edit = (change: Partial<Draft>): void => setDraft((before) => ({ ...before, ...change }));
  const wanted = wantedOf(draft, stock);
  if (wanted === undefined) return <Nothing title="newvm-no-template" body="newvm-no-template-body" />;
  const finish = async (): Promise<void> => {
    // What was made stays; another try makes the rest.
    const uuid = await createAll(world, wanted, () => setDraft((before) => ({ ...before, name: wanted.base, count: Math.max(1, before.count - 1) })));
    await navigate(wanted.names.length > 1 ? "/pool/vms" : `/vm/${uuid}`);
  };
  const blocked = mediaBlocked(wanted);
  return (
    <WizardPage
      title="newvm-title"
      finish={wanted.names.length > 1 ? "newvm-create-many" : "newvm-create"}
      cancelTo="/pool/vms"
      onFinish={finish}
      cli={[cliOf(wanted)]}
      steps={[
        { id: "template", label: "newvm-step-template", why: "newvm-why-template", body: <TemplateStep draft={draft} wanted={wanted} stock={stock} edit={edit} />, blocked: wanted.base === "" ? t("newvm-needs-name") : undefined },
        { id: "media", label: "newvm-step-media", why: "newvm-why-media", body: <MediaStep draft={draft} wanted={wanted} stock={stock} edit={edit} />, blocked: blocked === undefined ? undefined : t(blocked) },
        { id: "size", label: "newvm-step-size", why: "newvm-why-size", body: <SizeStep wanted={wanted} stock={stock} network={draft.network} edit={edit} />, blocked: wanted.sr === undefined && wanted.disk > 0 ? t("newvm-needs-storage") : undefined },
        { id: "review", label: "newvm-step-review", why: "newvm-why-review", body: <Review wanted={wanted} hasOwnDisk={stock.withDisk.has(wanted.template.$ref)} edit={edit} /> },
      ]}
    />
  );
}

function TemplateStep({ draft, wanted, stock, edit }: { draft: Draft; wanted: Wanted; stock: Stock; edit: (change: Partial<Draft>) => void }): ReactNode {
  const { t, bytes, list } = useI18n();
  const many = wanted.names.length > 1;
  const [first, second] = wanted.names;
  const shown = wanted.names.length > 3 ? [first ?? "", second ?? "", "…", wanted.names.at(-1) ?? ""] : wanted.names;
  return (
    <div className="hv-stack">
      <div className="hv-stack" role="radiogroup" aria-label={t("newvm-step-template")}>
        {stock.templates.map((each) => (
          <Radio
            key={each.$ref}
            id={`template-${each.uuid}`}
            name="template"
            isChecked={each.$ref === wanted.template.$ref}
            onChange={() => edit({ template: each.uuid })}
            label={each.name_label}
            description={[each.name_description, t("newvm-size", { vcpus: each.VCPUs_at_startup, memory: bytes(each.memory_static_max) })].filter((text) => text !== "").join(" · ")}
          />
        ))}
      </div>
      <FormGroup label={t("column-name")} fieldId="vm-name" isRequired>
        <TextInput id="vm-name" value={draft.name ?? wanted.base} onChange={(_event, name) => edit({ name })} />
        {many && (
          <Help>{t("newvm-names", { names: list(shown) })}</Help>
        )}
      </FormGroup>
      <FormGroup label={t("column-description")} fieldId="vm-description">
        <TextInput id="vm-description" value={draft.description} onChange={(_event, description) => edit({ description })} />
      </FormGroup>
      <NumberField id="vm-count" label={t("newvm-count")} value={draft.count} min={1} max={COUNT_MAX} onChange={(value) => edit({ count: Math.round(value) })} />
    </div>
  );
}

function Review({ wanted, hasOwnDisk, edit }: { wanted: Wanted; hasOwnDisk: boolean; edit: (change: Partial<Draft>) => void }): ReactNode {
  const { t, bytes, number } = useI18n();
  const media = { disk: undefined, iso: wanted.image?.name_label, network: t("media-network"), cloud: t("media-cloud") }[wanted.source];
  const isShared = wanted.sr?.shared === true;
  return (
    <div className="hv-stack">
      <Facts
        facts={[
          ["column-name", wanted.names.length > 1 ? `${wanted.names[0] ?? ""} – ${wanted.names.at(-1) ?? ""}` : wanted.base],
          ["newvm-count", wanted.names.length > 1 ? number(wanted.names.length) : undefined],
          ["newvm-step-template", wanted.template.name_label],
          ["newvm-step-media", media],
          ["newvm-home", wanted.home?.name_label ?? t("newvm-home-any")],
          ["newvm-apart", wanted.isApart ? t("newvm-apart-yes", { group: wanted.base }) : undefined],
          ["newvm-step-size", t("newvm-size", { vcpus: wanted.vcpus, memory: bytes(wanted.memory) })],
          ["tab-disks", wanted.disk > 0 ? `${bytes(wanted.disk)} · ${wanted.sr?.name_label ?? ""}` : t(hasOwnDisk ? "newvm-own-disk-only" : "newvm-no-disk")],
          ["kind-network", wanted.network?.name_label ?? t("newvm-no-network")],
        ]}
      />
      <FormGroup label={t("tab-protection")} fieldId="vm-policy">
        <FormSelect id="vm-policy" value={wanted.policy} isDisabled={!isShared} onChange={(_event, policy) => edit({ policy })}>
          {POLICIES.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`policy-${policyWord(each)}`)} />
          ))}
        </FormSelect>
        {!isShared && (
          <Help>{t("newvm-local-storage")}</Help>
        )}
      </FormGroup>
      <Checkbox id="vm-start" label={t("newvm-start")} isChecked={wanted.isStarted} onChange={(_event, isStarted) => edit({ isStarted })} />
      <Fit wanted={wanted} />
    </div>
  );
}
