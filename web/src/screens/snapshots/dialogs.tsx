// Taking a snapshot, and going back to one.
import { Alert, Button, Checkbox, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextArea, TextInput } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { xe } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { useObject } from "@/store/hooks";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useWork } from "@/ui/useWork";

export function TakeDialog({ targets: [vm], close }: DialogProps<"VM">): ReactNode {
  const { t, dateTime } = useI18n();
  const world = useWorld();
  const { busy, error, run } = useWork(close);
  const [name, setName] = useState(() => t("snap-default-name", { time: dateTime(Date.now()) }));
  const [notes, setNotes] = useState("");
  const [memory, setMemory] = useState(false);
  if (vm === undefined) return null;
  const runs = vm.power_state === "Running" || vm.power_state === "Paused";
  const submit = (event?: FormEvent): void => {
    event?.preventDefault();
    if (name.trim() === "" || busy) return;
    run(async () => {
      const task = await (memory ? start("VM.checkpoint", vm.$ref, name.trim()) : start("VM.snapshot", vm.$ref, name.trim()));
      const made = resultRef(await waitForTask(world.client, task));
      if (made !== undefined && notes.trim() !== "") await call("VM.set_name_description", made, notes.trim());
    });
  };
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="snap-title">
      <ModalHeader title={t("snap-take-title", { name: vm.name_label })} labelId="snap-title" description={t("snap-take-body")} />
      <ModalBody>
        <Form onSubmit={submit}>
          <FormGroup label={t("column-name")} fieldId="snap-name" isRequired>
            <TextInput id="snap-name" value={name} onChange={(_event, value) => setName(value)} autoComplete="off" autoFocus />
          </FormGroup>
          <FormGroup label={t("snap-notes")} fieldId="snap-notes">
            <TextArea id="snap-notes" value={notes} onChange={(_event, value) => setNotes(value)} rows={2} />
          </FormGroup>
          <Checkbox id="snap-memory" label={t("snap-memory")} description={t(runs ? "snap-memory-body" : "snap-memory-off")} isChecked={memory} isDisabled={!runs} onChange={(_event, value) => setMemory(value)} />
        </Form>
        {error !== null && <ErrorView error={error} />}
        <CliLines lines={[xe(memory ? "vm-checkpoint" : "vm-snapshot", { vm: vm.name_label, "new-name-label": name })]} />
      </ModalBody>
      <ModalFooter>
        <Act onClick={() => submit()} blocked={busy ? t("busy") : name.trim() === "" ? t("snap-needs-name") : undefined} isLoading={busy}>{t("snap-take")}</Act>
        <Button variant="link" onClick={close}>{t(busy ? "vm-migrate-hide" : "cancel")}</Button>
      </ModalFooter>
    </Modal>
  );
}

export function RevertDialog({ targets: [snapshot], close }: DialogProps<"VM">): ReactNode {
  const { t, dateTime } = useI18n();
  const world = useWorld();
  const { busy, error, run } = useWork(close);
  const vm = useObject("VM", snapshot?.snapshot_of);
  const [keeps, setKeeps] = useState(true);
  if (snapshot === undefined || vm === undefined) return null;
  const before = t("snap-before-revert", { name: snapshot.name_label });
  const go = (): void =>
    run(async () => {
      if (keeps) await waitForTask(world.client, await start("VM.snapshot", vm.$ref, before));
      await waitForTask(world.client, await start("VM.revert", snapshot.$ref));
    });
  const lines = [
    ...(keeps ? [xe("vm-snapshot", { vm: vm.name_label, "new-name-label": before })] : []),
    xe("snapshot-revert", { "snapshot-uuid": snapshot.uuid }),
  ];
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="revert-title">
      <ModalHeader title={t("snap-revert-title", { vm: vm.name_label, name: snapshot.name_label })} labelId="revert-title" titleIconVariant="warning" />
      <ModalBody>
        <div className="hv-stack">
          <p>{t("snap-revert-body", { time: dateTime(wireTime(snapshot.snapshot_time)) })}</p>
          <p>{t(snapshot.power_state === "Suspended" ? "snap-revert-suspended" : "snap-revert-off")}</p>
          <Checkbox id="snap-safety" label={t("snap-safety")} description={t("snap-safety-body")} isChecked={keeps} onChange={(_event, value) => setKeeps(value)} />
          {!keeps && <Alert isInline variant="warning" title={t("snap-safety-none")} />}
          {error !== null && <ErrorView error={error} />}
        </div>
        <CliLines lines={lines} />
      </ModalBody>
      <ModalFooter>
        <Act variant={keeps ? "primary" : "danger"} onClick={go} blocked={busy ? t("busy") : undefined} isLoading={busy}>{t("snap-revert")}</Act>
        <Button variant="link" onClick={close}>{t(busy ? "vm-migrate-hide" : "cancel")}</Button>
      </ModalFooter>
    </Modal>
  );
}
