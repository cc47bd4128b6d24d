// W11: where a machine can go and why not elsewhere, progress while it goes, and what was measured.
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader, Progress, Radio } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { DialogProps } from "@/actions/action";
import { haven } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Item, useAll, useObject, useTable } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { CliLines } from "@/ui/CliLines";
import { ErrorView, useErrorText } from "@/ui/ErrorView";

/** What keeps each host from taking the machine; undefined: nothing. */
function useVerdicts(vm: Item<"VM">, hosts: ReadonlyArray<Item<"host">>): Map<string, unknown> | undefined {
  const refs = hosts.map((host) => host.$ref).filter((ref) => ref !== vm.resident_on);
  const asked = useQuery({
    queryKey: ["can-take", vm.$ref, vm.resident_on, ...refs],
    queryFn: async () => {
      const judge = async (ref: string): Promise<[string, unknown]> => {
        try {
          await call("VM.assert_can_boot_here", vm.$ref, ref);
          return [ref, undefined];
        } catch (error) {
          return [ref, error];
        }
      };
      return new Map(await Promise.all(refs.map(judge)));
    },
  });
  return asked.data;
}

interface Done {
  pauseMs: number | undefined;
  elapsedMs: number | undefined;
}

export function MigrateDialog({ targets, close }: DialogProps<"VM">): ReactNode {
  const { t, bytes, number, duration } = useI18n();
  const world = useWorld();
  const errorText = useErrorText();
  const vm = useObject("VM", targets[0]?.$ref) ?? (targets[0] as Item<"VM">);
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const verdicts = useVerdicts(vm, hosts);
  const [to, setTo] = useState<string | null>(null);
  const [task, setTask] = useState<string | undefined>();
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<unknown>(null);
  const row = useObject("task", task);
  const free = (host: Item<"host">): number => metrics.byRef.get(host.metrics)?.memory_free ?? 0;
  const others = hosts.filter((host) => host.$ref !== vm.resident_on).sort((a, b) => free(b) - free(a));
  const best = others.find((host) => verdicts?.has(host.$ref) === true && verdicts.get(host.$ref) === undefined);
  const chosen = hosts.find((host) => host.$ref === (to ?? best?.$ref));
  const moving = task !== undefined && done === null && error === null;
  const go = async (): Promise<void> => {
    if (chosen === undefined) return;
    setError(null);
    try {
      const ref = await start("VM.pool_migrate", vm.$ref, chosen.$ref, { live: "true" });
      setTask(ref);
      await waitForTask(world.client, ref);
      // What the hypervisor measured stands in the metrics a moment later.
      const notes = await call("VM_metrics.get_other_config", vm.metrics);
      const value = (key: string): number | undefined => (notes[key] === undefined ? undefined : Number(notes[key]));
      setDone({ pauseMs: value("last_migration_downtime_ms"), elapsedMs: value("last_migration_elapsed_ms") });
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="migrate-title">
      <ModalHeader title={t("vm-migrate-title", { name: vm.name_label })} labelId="migrate-title" description={t("vm-migrate-body")} />
      <ModalBody>
        {done !== null ? (
          <Alert isInline variant="success" title={t("vm-migrated", { host: chosen?.name_label ?? "" })} data-testid="migrated">
            {done.pauseMs !== undefined && <p>{t("vm-migrated-pause", { pause: number(done.pauseMs), elapsed: duration((done.elapsedMs ?? 0) / 1000) })}</p>}
          </Alert>
        ) : moving ? (
          <Progress title={t("vm-migrating", { host: chosen?.name_label ?? "" })} value={Math.round((row?.progress ?? 0) * 100)} />
        ) : (
          <div className="hv-stack" role="radiogroup" aria-label={t("vm-migrate-to")}>
            {others.map((host) => {
              const why = verdicts?.get(host.$ref);
              return (
                <Radio
                  key={host.$ref}
                  id={`to-${host.uuid}`}
                  name="to"
                  isChecked={chosen?.$ref === host.$ref}
                  isDisabled={verdicts === undefined || why !== undefined}
                  onChange={() => setTo(host.$ref)}
                  label={host.name_label}
                  description={why === undefined ? t("vm-migrate-free", { free: bytes(free(host)) }) : errorText(why).what}
                />
              );
            })}
          </div>
        )}
        {error !== null && <ErrorView error={error} />}
        {!moving && done === null && <CliLines lines={[haven("vm", "migrate", vm.name_label, "--to", chosen?.name_label ?? "HOST")]} />}
      </ModalBody>
      <ModalFooter>
        {done === null && (
          <Button onClick={() => void go()} isDisabled={chosen === undefined || moving} isLoading={moving}>
            {t("vm-migrate")}
          </Button>
        )}
        <Button variant={done === null ? "link" : "primary"} onClick={close}>
          {t(moving ? "vm-migrate-hide" : "close")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
