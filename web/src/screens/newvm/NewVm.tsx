// W7: template, name, what it boots from, where, how large, its disks and networks, and a review that
// says whether there is room. Every step has a good default, so that one may go to the review at once.
import { Checkbox, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { isHostDrive, isLibrary } from "@/model/storage";
import { useAll, usePool, useTable, useVms } from "@/store/hooks";
import { Facts, Help, Nothing } from "@/ui/bits";
import { WizardPage } from "@/ui/WizardPage";
import { ownName } from "@/ui/names";
import { POLICIES, policyWord } from "../availability/actions";
import { useImageFetch } from "../images/fetch";
import { useImageUpload } from "../images/upload";
import { useImages } from "../vm/CdDialog";
import { DriveWarning } from "../vm/ImageOptions";
import { isWrongMac } from "../vm/marks";
import { cliOf, createAll } from "./create";
import { type Draft, type Stock, type Wanted, type WantedNic, wantedOf } from "./draft";
import { Fit } from "./Fit";
import { NO_FIRST_BOOT, wrongField } from "./firstBoot";
import { MediaStep } from "./MediaStep";
import { NicsStep } from "./NicsStep";
import { DisksStep, NameStep, SizeStep, TemplateStep, WhereStep } from "./steps";

const EMPTY: Draft = {
  template: "", name: null, description: "", folder: "", tags: "", count: 1, source: "disk", image: "", firstBoot: NO_FIRST_BOOT, home: "", isApart: false, group: "",
  vcpus: null, memory: null, cores: null, disks: null, sr: null, bus: "virtio", buses: [], nics: null, policy: null, isStarted: true,
};

function useStock(): Stock {
  const pool = usePool();
  const vms = useVms();
  const frozen = useAll("VM").filter((vm) => vm.is_a_template || vm.is_a_snapshot);
  const templates = frozen.filter((vm) => !vm.is_a_snapshot);
  const snapshots = frozen.filter((vm) => vm.is_a_snapshot);
  const vbds = useTable("VBD");
  const isDisk = (vbd: string): boolean => vbds.byRef.get(vbd)?.type === "Disk";
  const withDisk = new Set(frozen.filter((each) => each.VBDs.some(isDisk)).map((each) => each.$ref));
  const withNic = new Set(frozen.filter((each) => each.VIFs.length > 0).map((each) => each.$ref));
  const all = useAll("SR");
  return { pool, vms, templates, snapshots, withDisk, withNic, srs: all.filter((sr) => !isLibrary(sr)), images: useImages(), hosts: useAll("host"), networks: useAll("network") };
}

/** Why the media step is not done yet; a message. */
function mediaBlocked(wanted: Wanted, isSending: boolean): string | undefined {
  if (wanted.source === "iso" && isSending) return "media-sending";
  if (wanted.source === "iso" && wanted.image === undefined) return "media-needs-image";
  return wanted.source === "cloud" ? wrongField(wanted.firstBoot)?.text : undefined;
}

export default function NewVm(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const [search] = useSearchParams();
  const stock = useStock();
  const [draft, setDraft] = useState<Draft>(() => {
    const image = stock.images.find((each) => each.uuid === search.get("image"));
    return { ...EMPTY, template: search.get("template") ?? "", ...(image === undefined ? {} : { source: "iso", image: image.$ref }) };
  });
  const edit = (change: Partial<Draft>): void => setDraft((before) => ({ ...before, ...change }));
  const bring = (image: string): void => edit({ source: "iso", image });
  const upload = useImageUpload(bring);
  const fetch = useImageFetch(bring);
  const wanted = wantedOf(draft, stock);
  if (wanted === undefined) return <Nothing title="newvm-no-template" body="newvm-no-template-body" />;
  const finish = async (): Promise<void> => {
    // What was made stays; another try makes the rest.
    const uuid = await createAll(world, wanted, () => setDraft((before) => ({ ...before, name: wanted.base, count: Math.max(1, before.count - 1) })));
    await navigate(wanted.names.length > 1 ? "/pool/vms" : `/vm/${uuid}`);
  };
  const blocked = mediaBlocked(wanted, upload.state.is === "sending" || fetch.state.is === "fetching");
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
        { id: "media", label: "newvm-step-media", why: "newvm-why-media", body: <MediaStep {...parts} upload={upload} fetch={fetch} />, blocked: blocked === undefined ? undefined : t(blocked) },
        { id: "where", label: "newvm-step-where", why: "newvm-why-where", body: <WhereStep {...parts} /> },
        { id: "size", label: "newvm-step-size", why: "newvm-why-cpu", body: <SizeStep {...parts} /> },
        { id: "disks", label: "tab-disks", why: "newvm-why-size", body: <DisksStep {...parts} />, blocked: wanted.sr === undefined && wanted.disks.length > 0 ? t("newvm-needs-storage") : undefined },
        { id: "networks", label: "tab-networks", why: "newvm-why-networks", body: <NicsStep {...parts} />, blocked: wanted.nics.some(({ mac }) => isWrongMac(mac)) ? t("nic-mac-wrong") : undefined },
        { id: "review", label: "step-review", why: "newvm-why-review", body: <Review wanted={wanted} stock={stock} edit={edit} /> },
      ]}
    />
  );
}

function Review({ wanted, stock, edit }: { wanted: Wanted; stock: Stock; edit: (change: Partial<Draft>) => void }): ReactNode {
  const { t, bytes, number, list } = useI18n();
  const [hasOwnDisk, hasOwnNic] = [stock.withDisk, stock.withNic].map((those) => those.has(wanted.template.$ref));
  const nicText = ({ network, mac, limit }: WantedNic): string =>
    [ownName(network, t), mac, limit > 0 ? t("nic-at-most", { rate: t("perf-per-second", { value: bytes(limit * 2 ** 20) }) }) : ""].filter((text) => text !== "").join(" · ");
  const media = { disk: undefined, iso: wanted.image?.name_label, network: t("media-network"), cloud: t("media-cloud") }[wanted.source];
  const isShared = wanted.sr?.shared === true;
  const isBound = wanted.image !== undefined && isHostDrive(wanted.image);
  const [bus] = wanted.buses;
  const isSame = new Set(wanted.buses).size === 1;
  const busText = isSame ? t(`bus-${bus ?? "virtio"}`) : list(wanted.disks.map((size, at) => `${bytes(size)}: ${t(`bus-${wanted.buses[at] ?? "virtio"}`)}`));
  return (
    <div className="hv-stack">
      <Facts
        facts={[
          ["column-name", wanted.names.length > 1 ? `${wanted.names[0] ?? ""} – ${wanted.names.at(-1) ?? ""}` : wanted.base],
          ["newvm-count", wanted.names.length > 1 ? number(wanted.names.length) : undefined],
          ["newvm-step-template", ownName(wanted.template, t)],
          ["column-folder", wanted.folder],
          ["vm-tags", list([...wanted.tags])],
          ["newvm-step-media", media],
          ["newvm-home", wanted.home?.name_label ?? t("newvm-home-any")],
          ["newvm-group", wanted.group === "" ? undefined : wanted.group],
          ["newvm-step-size", t("newvm-size", { vcpus: wanted.vcpus, memory: bytes(wanted.memory) })],
          ["newvm-topology", wanted.cores > 0 ? t("topology", { sockets: wanted.vcpus / wanted.cores, cores: wanted.cores }) : undefined],
          ["tab-disks", wanted.disks.length > 0 ? `${list(wanted.disks.map((size) => bytes(size)))} · ${wanted.sr?.name_label ?? ""}` : t(hasOwnDisk ? "newvm-own-disk-only" : "newvm-no-disk")],
          ["newvm-bus", busText],
          ["tab-networks", wanted.nics.length > 0 ? list(wanted.nics.map(nicText)) : t(hasOwnNic ? "newvm-own-nic-only" : "newvm-no-network")],
        ]}
      />
      <FormGroup label={t("tab-protection")} fieldId="vm-policy">
        <FormSelect id="vm-policy" value={wanted.policy} isDisabled={!isShared || isBound} onChange={(_event, policy) => edit({ policy })}>
          {POLICIES.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`policy-${policyWord(each)}`)} />
          ))}
        </FormSelect>
        {!isShared && <Help>{t("newvm-local-storage")}</Help>}
        <DriveWarning image={wanted.image} />
      </FormGroup>
      <Checkbox id="vm-start" label={t("newvm-start")} isChecked={wanted.isStarted} onChange={(_event, isStarted) => edit({ isStarted })} />
      <Fit wanted={wanted} />
    </div>
  );
}
