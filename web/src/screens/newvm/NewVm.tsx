// W7: template, name, what it boots from, where, how large, its disks and networks, and a review that
// says whether there is room. Every step has a good default, so that one may go to the review at once.
import { Checkbox, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { isLibrary } from "@/model/storage";
import { useAll, usePool, useTable, useVms } from "@/store/hooks";
import { Facts, Help, Nothing } from "@/ui/bits";
import { WizardPage } from "@/ui/WizardPage";
import { POLICIES, policyWord } from "../availability/actions";
import { useImages } from "../vm/CdDialog";
import { cliOf, createAll } from "./create";
import { type Draft, type Stock, type Wanted, wantedOf } from "./draft";
import { Fit } from "./Fit";
import { NO_FIRST_BOOT, wrongField } from "./firstBoot";
import { MediaStep } from "./MediaStep";
import { DisksStep, NameStep, NetworksStep, SizeStep, TemplateStep, WhereStep } from "./steps";

const EMPTY: Draft = {
  template: "", name: null, description: "", count: 1, source: "disk", image: "", firstBoot: NO_FIRST_BOOT, home: "", isApart: false,
  vcpus: null, memory: null, disks: null, sr: null, networks: null, policy: null, isStarted: true,
};

function useStock(): Stock {
  const pool = usePool();
  const vms = useVms();
  const templates = useAll("VM").filter((vm) => vm.is_a_template && !vm.is_a_snapshot);
  const vbds = useTable("VBD");
  const isDisk = (vbd: string): boolean => vbds.byRef.get(vbd)?.type === "Disk";
  const withDisk = new Set(templates.filter((each) => each.VBDs.some(isDisk)).map((each) => each.$ref));
  const all = useAll("SR");
  return { pool, vms, templates, withDisk, srs: all.filter((sr) => !isLibrary(sr)), images: useImages(), hosts: useAll("host"), networks: useAll("network") };
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
  const parts = { draft, wanted, stock, edit };
  return (
    <WizardPage
      title="new-vm"
      finish={wanted.names.length > 1 ? "newvm-create-many" : "newvm-create"}
      cancelTo="/pool/vms"
      onFinish={finish}
      cli={[cliOf(wanted)]}
      steps={[
        { id: "template", label: "newvm-step-template", why: "newvm-why-template", body: <TemplateStep {...parts} /> },
        { id: "name", label: "column-name", why: "newvm-why-name", body: <NameStep {...parts} />, blocked: wanted.base === "" ? t("newvm-needs-name") : undefined },
        { id: "media", label: "newvm-step-media", why: "newvm-why-media", body: <MediaStep {...parts} />, blocked: blocked === undefined ? undefined : t(blocked) },
        { id: "where", label: "newvm-step-where", why: "newvm-why-where", body: <WhereStep {...parts} /> },
        { id: "size", label: "newvm-step-size", why: "newvm-why-cpu", body: <SizeStep {...parts} /> },
        { id: "disks", label: "tab-disks", why: "newvm-why-size", body: <DisksStep {...parts} />, blocked: wanted.sr === undefined && wanted.disks.length > 0 ? t("newvm-needs-storage") : undefined },
        { id: "networks", label: "tab-networks", why: "newvm-why-networks", body: <NetworksStep {...parts} /> },
        { id: "review", label: "step-review", why: "newvm-why-review", body: <Review wanted={wanted} hasOwnDisk={stock.withDisk.has(wanted.template.$ref)} edit={edit} /> },
      ]}
    />
  );
}

function Review({ wanted, hasOwnDisk, edit }: { wanted: Wanted; hasOwnDisk: boolean; edit: (change: Partial<Draft>) => void }): ReactNode {
  const { t, bytes, number, list } = useI18n();
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
          ["tab-disks", wanted.disks.length > 0 ? `${list(wanted.disks.map((size) => bytes(size)))} · ${wanted.sr?.name_label ?? ""}` : t(hasOwnDisk ? "newvm-own-disk-only" : "newvm-no-disk")],
          ["tab-networks", wanted.networks.length > 0 ? list(wanted.networks.map((network) => network.name_label)) : t("newvm-no-network")],
        ]}
      />
      <FormGroup label={t("tab-protection")} fieldId="vm-policy">
        <FormSelect id="vm-policy" value={wanted.policy} isDisabled={!isShared} onChange={(_event, policy) => edit({ policy })}>
          {POLICIES.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`policy-${policyWord(each)}`)} />
          ))}
        </FormSelect>
        {!isShared && <Help>{t("newvm-local-storage")}</Help>}
      </FormGroup>
      <Checkbox id="vm-start" label={t("newvm-start")} isChecked={wanted.isStarted} onChange={(_event, isStarted) => edit({ isStarted })} />
      <Fit wanted={wanted} />
    </div>
  );
}
