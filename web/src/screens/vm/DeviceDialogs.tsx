// Adding and changing disks and network interfaces.
import { Button, Form, FormGroup, FormSelect, FormSelectOption, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { haven, xe } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { bestStorage, isLibrary } from "@/model/storage";
import { useAll, usePool } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { NumberField } from "@/ui/NumberField";
import { SrSelect } from "@/ui/SrSelect";
import { useWork } from "@/ui/useWork";
import { BUSES } from "../newvm/draft";
import { addDisk, addNic } from "./devices";
import { isWrongMac, LIMIT_MIB_S_MAX, limitFields, limitOf } from "./marks";

const GIB = 2 ** 30;
const DISK_GIB = 20;
const DISK_GIB_MAX = 65_536;

interface FrameProps {
  title: string;
  body: string;
  button: string;
  work: () => Promise<void>;
  /** Why not yet; a text. */
  blocked?: string | undefined;
  cli: string;
  close: () => void;
  children: ReactNode;
}

/** A dialog with a form, the same on the command line, and one button that does it. */
export function Frame({ title, body, button, work, blocked, cli, close, children }: FrameProps): ReactNode {
  const { t } = useI18n();
  const { busy, error, run } = useWork(close);
  const submit = (event?: FormEvent): void => {
    event?.preventDefault();
    if (blocked === undefined && !busy) run(work);
  };
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="device-title">
      <ModalHeader title={title} labelId="device-title" description={body} />
      <ModalBody>
        <Form onSubmit={submit}>{children}</Form>
        {error !== null && <ErrorView error={error} />}
        <CliLines lines={[cli]} />
      </ModalBody>
      <ModalFooter>
        <Act onClick={() => submit()} blocked={blocked ?? (busy ? t("busy") : undefined)} isLoading={busy}>
          {button}
        </Act>
        <Button variant="link" onClick={close}>
          {t(busy ? "vm-migrate-hide" : "cancel")}
        </Button>
        {blocked !== undefined && <span className="hv-blocked">{blocked}</span>}
      </ModalFooter>
    </Modal>
  );
}

export function AddDiskDialog({ targets: [vm], close }: DialogProps<"VM">): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const pool = usePool();
  const srs = useAll("SR").filter((sr) => !isLibrary(sr));
  const [name, setName] = useState(() => t("disk-of", { name: vm?.name_label ?? "" }));
  const [gib, setGib] = useState(DISK_GIB);
  const [picked, setPicked] = useState<string | null>(null);
  const [bus, setBus] = useState("virtio");
  if (vm === undefined) return null;
  const sr = srs.find((each) => each.$ref === picked) ?? bestStorage(srs, pool);
  const isLate = bus === "sata" && vm.power_state !== "Halted";
  return (
    <Frame
      title={t("disk-add-title", { name: vm.name_label })}
      body={t("disk-add-body")}
      button={t("disk-add")}
      blocked={sr === undefined ? t("needs-storage") : isLate ? t("disk-bus-off") : undefined}
      cli={haven("vm", "disk", "add", vm.name_label, `${Math.round(gib * 1024)}MiB`, "--name", name.trim(), "--sr", sr?.name_label ?? "SR", ...(bus === "virtio" ? [] : ["--bus", bus]))}
      work={() => addDisk(world, vm, { name: name.trim(), bytes: Math.round(gib * GIB), sr: sr?.$ref ?? "", bus })}
      close={close}
    >
      <FormGroup label={t("column-name")} fieldId="disk-name">
        <TextInput id="disk-name" value={name} onChange={(_event, value) => setName(value)} autoComplete="off" autoFocus />
      </FormGroup>
      <NumberField id="disk-size" label={t("newvm-disk-gib")} value={gib} min={0.001} max={DISK_GIB_MAX} onChange={setGib} />
      <SrSelect id="disk-sr" srs={srs} sr={sr} onChange={setPicked} />
      <FormGroup label={t("newvm-bus")} fieldId="disk-bus">
        <FormSelect id="disk-bus" value={bus} onChange={(_event, value) => setBus(value)}>
          {BUSES.map((each) => (
            <FormSelectOption key={each} value={each} label={t(`bus-${each}`)} />
          ))}
        </FormSelect>
        <Help>{t(`bus-${bus}-help`)}</Help>
      </FormGroup>
    </Frame>
  );
}

export function ResizeDiskDialog({ targets: [vdi], close }: DialogProps<"VDI">): ReactNode {
  const { t, bytes } = useI18n();
  const world = useWorld();
  const now = (vdi?.virtual_size ?? 0) / GIB;
  const [gib, setGib] = useState(now);
  if (vdi === undefined) return null;
  const size = Math.round(gib * GIB);
  const work = async (): Promise<void> => {
    const online = !vdi.allowed_operations.includes("resize");
    await waitForTask(world.client, await (online ? start("VDI.resize_online", vdi.$ref, size) : start("VDI.resize", vdi.$ref, size)));
  };
  return (
    <Frame
      title={t("disk-resize-title", { name: vdi.name_label })}
      body={t("disk-resize-body", { size: bytes(vdi.virtual_size) })}
      button={t("disk-resize")}
      blocked={size > vdi.virtual_size ? undefined : t("disk-only-grows")}
      cli={xe("vdi-resize", { uuid: vdi.uuid, "disk-size": String(size) })}
      work={work}
      close={close}
    >
      <NumberField id="disk-size" label={t("newvm-disk-gib")} value={gib} min={now} max={DISK_GIB_MAX} onChange={setGib} />
    </Frame>
  );
}

/** What an interface may send. */
export function LimitNicDialog({ targets: [vif], close }: DialogProps<"VIF">): ReactNode {
  const { t } = useI18n();
  const now = vif === undefined ? 0 : limitOf(vif);
  const [limit, setLimit] = useState(now);
  if (vif === undefined) return null;
  const to = limitFields(limit);
  return (
    <Frame
      title={t("nic-limit-title", { mac: vif.MAC })}
      body={t("nic-limit-body")}
      button={t("save")}
      blocked={limit === now ? t("settings-unchanged") : undefined}
      cli={xe("vif-param-set", { uuid: vif.uuid, qos_algorithm_type: to.qos_algorithm_type, ...(limit > 0 ? { "qos_algorithm_params:kbps": to.qos_algorithm_params["kbps"] ?? "" } : {}) })}
      work={async () => {
        await call("VIF.set_qos_algorithm_params", vif.$ref, to.qos_algorithm_params);
        await call("VIF.set_qos_algorithm_type", vif.$ref, to.qos_algorithm_type);
      }}
      close={close}
    >
      <NumberField id="nic-limit" label={t("nic-limit")} value={limit} min={0} max={LIMIT_MIB_S_MAX} onChange={setLimit} />
    </Frame>
  );
}

interface NetworkProps {
  value: string;
  onChange: (ref: string) => void;
}

function NetworkSelect({ value, onChange }: NetworkProps): ReactNode {
  const { t } = useI18n();
  const networks = useAll("network");
  return (
    <FormGroup label={t("kind-network")} fieldId="nic-network">
      <FormSelect id="nic-network" value={value} onChange={(_event, ref) => onChange(ref)} autoFocus>
        {networks.map((each) => (
          <FormSelectOption key={each.$ref} value={each.$ref} label={each.name_label} />
        ))}
      </FormSelect>
    </FormGroup>
  );
}

export function AddNicDialog({ targets: [vm], close }: DialogProps<"VM">): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const networks = useAll("network");
  const [picked, setPicked] = useState<string | null>(null);
  const [mac, setMac] = useState("");
  if (vm === undefined) return null;
  const network = networks.find((each) => each.$ref === picked) ?? networks[0];
  const wrong = isWrongMac(mac);
  return (
    <Frame
      title={t("nic-add-title", { name: vm.name_label })}
      body={t("nic-add-body")}
      button={t("nic-add")}
      blocked={network === undefined ? t("nic-no-network") : wrong ? t("nic-mac-wrong") : undefined}
      cli={xe("vif-create", { "vm-uuid": vm.uuid, "network-uuid": network?.uuid ?? "NETWORK", device: "autodetect", ...(mac.trim() === "" ? {} : { mac: mac.trim() }) })}
      work={() => addNic(world, vm, network?.$ref ?? "", mac.trim())}
      close={close}
    >
      <NetworkSelect value={network?.$ref ?? ""} onChange={setPicked} />
      <FormGroup label={t("nic-mac")} fieldId="nic-mac">
        <TextInput id="nic-mac" value={mac} onChange={(_event, value) => setMac(value)} placeholder={t("nic-mac-made")} validated={wrong ? "error" : "default"} autoComplete="off" spellCheck={false} />
      </FormGroup>
    </Frame>
  );
}

export function MoveNicDialog({ targets: [vif], close }: DialogProps<"VIF">): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const networks = useAll("network");
  const [picked, setPicked] = useState<string | null>(null);
  if (vif === undefined) return null;
  const network = networks.find((each) => each.$ref === picked) ?? networks.find((each) => each.$ref !== vif.network);
  return (
    <Frame
      title={t("nic-move-title", { mac: vif.MAC })}
      body={t("nic-move-body")}
      button={t("nic-move")}
      blocked={network === undefined || network.$ref === vif.network ? t("nic-is-there") : undefined}
      cli={xe("vif-move", { uuid: vif.uuid, "network-uuid": network?.uuid ?? "NETWORK" })}
      work={async () => {
        await waitForTask(world.client, await start("VIF.move", vif.$ref, network?.$ref ?? ""));
      }}
      close={close}
    >
      <NetworkSelect value={network?.$ref ?? ""} onChange={setPicked} />
    </Frame>
  );
}
