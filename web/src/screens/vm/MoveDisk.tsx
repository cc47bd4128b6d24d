// W11: a disk goes to other storage, also under its machine: how far it is, and how long the machine paused.
import { Button, Form, Modal, ModalBody, ModalFooter, ModalHeader, Progress } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { haven as command, xe } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { haven } from "@/api/haven";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { bestStorage, isLibrary, roomOf } from "@/model/storage";
import { type Item, useAll, useObject, usePool, useTable } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { Act } from "@/ui/Act";
import { Facts } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { NumberField } from "@/ui/NumberField";
import { SrSelect } from "@/ui/SrSelect";
import { type Done, Measured } from "./MigrateProgress";

/** How often the pool is asked how far it is, in milliseconds. */
const ASK_MS = 1000;
/** Fastest limit that can be asked for, in MiB a second. */
const BANDWIDTH_MIB_S_MAX = 1_048_576;

async function measured(vm: Item<"VM"> | undefined): Promise<Done> {
  const notes: Record<string, string> = vm === undefined ? {} : await call("VM_metrics.get_other_config", vm.metrics);
  const value = (key: string): number | undefined => (notes[key] === undefined ? undefined : Number(notes[key]));
  return { pause: value("last_disk_move_pause_ms"), elapsed: value("last_disk_move_ms"), bytes: value("last_disk_move_bytes") };
}

/** Another storage for a disk. */
export function MoveDiskDialog({ targets: [target], close }: DialogProps<"VDI">): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const pool = usePool();
  // The disk that is left behind goes away meanwhile.
  const [vdi] = useState(target);
  const vms = useTable("VM");
  const device = useAll("VBD").find((vbd) => vbd.VDI === vdi?.$ref && vbd.currently_attached);
  const [user] = useState(() => (device === undefined ? undefined : vms.byRef.get(device.VM)));
  const [number] = useState(device?.userdevice ?? "");
  const srs = useAll("SR").filter((sr) => !isLibrary(sr) && sr.$ref !== vdi?.SR);
  const [picked, setPicked] = useState<string | null>(null);
  const [limit, setLimit] = useState(0);
  const [task, setTask] = useState<string | undefined>();
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<unknown>(null);
  if (vdi === undefined) return null;
  const sr = srs.find((each) => each.$ref === picked) ?? bestStorage(srs, pool);
  const moving = task !== undefined && done === null && error === null;
  const go = async (): Promise<void> => {
    setError(null);
    try {
      const options: Record<string, string> = user !== undefined && limit > 0 ? { bandwidth: String(limit) } : {};
      const ref = await start("VDI.pool_migrate", vdi.$ref, sr?.$ref ?? "", options);
      setTask(ref);
      await waitForTask(world.client, ref);
      setDone(await measured(user));
    } catch (failure) {
      setTask(undefined);
      setError(failure);
    }
  };
  const blocked = moving ? t("vm-migrate-moves") : sr === undefined ? t("disk-move-nowhere") : roomOf(sr) < vdi.physical_utilisation ? t("disk-move-tight") : undefined;
  const cli = user === undefined ? xe("vdi-pool-migrate", { uuid: vdi.uuid, "sr-uuid": sr?.uuid ?? "SR" }) : command("vm", "disk", "move", user.name_label, number, "--to", sr?.name_label ?? "SR", ...(limit > 0 ? ["--bandwidth", limit] : []));
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="disk-move-title">
      <ModalHeader title={t("disk-move-title", { name: vdi.name_label })} labelId="disk-move-title" description={t(user === undefined ? "disk-move-body" : "disk-move-live-body")} />
      <ModalBody>
        {done !== null ? (
          <Measured title={t("disk-moved", { storage: sr?.name_label ?? "" })} testId="disk-moved" done={done} />
        ) : moving ? (
          <Copying disk={vdi.$ref} storage={sr?.name_label ?? ""} task={task} />
        ) : (
          <Form onSubmit={(event) => event.preventDefault()}>
            <SrSelect id="disk-sr" srs={srs} sr={sr} onChange={setPicked} />
            {user !== undefined && <NumberField id="disk-limit" label={t("vm-migrate-bandwidth")} value={limit} min={0} max={BANDWIDTH_MIB_S_MAX} step={50} onChange={(value) => setLimit(Math.round(value))} />}
            {sr?.shared === false && user !== undefined && <p className="hv-muted">{t("disk-move-local")}</p>}
          </Form>
        )}
        {error !== null && <ErrorView error={error} />}
        {!moving && done === null && <CliLines lines={[cli]} />}
      </ModalBody>
      <ModalFooter>
        {done === null && (
          <Act onClick={() => void go()} blocked={blocked} isLoading={moving}>
            {t("disk-move")}
          </Act>
        )}
        <Button variant={done === null ? "link" : "primary"} onClick={close}>
          {t(done !== null ? "close" : moving ? "vm-migrate-hide" : "cancel")}
        </Button>
        {!moving && done === null && blocked !== undefined && <span className="hv-blocked">{blocked}</span>}
      </ModalFooter>
    </Modal>
  );
}

function Copying({ disk, storage, task }: { disk: string; storage: string; task: string | undefined }): ReactNode {
  const { t, bytes } = useI18n();
  const row = useObject("task", task);
  const asked = useQuery({ queryKey: ["moving-disks"], queryFn: ({ signal }) => haven.movingDisks(signal), refetchInterval: ASK_MS, gcTime: 0 });
  const flow = asked.data?.find((each) => each.disk === disk);
  return (
    <div className="hv-stack">
      <Progress title={t("disk-moving", { storage })} value={Math.round((row?.progress ?? 0) * 100)} />
      {flow !== undefined && (
        <Facts
          facts={[
            ["vm-migrate-rest", bytes(flow.remaining_bytes)],
            ["disk-move-speed", flow.bytes_s > 0 ? t("perf-per-second", { value: bytes(flow.bytes_s) }) : undefined],
          ]}
        />
      )}
    </div>
  );
}
