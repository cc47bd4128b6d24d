// W11: where a machine can go and why not elsewhere, how fast, progress while it goes, and what was measured.
import { Button, Checkbox, ExpandableSection, FormGroup, FormSelect, FormSelectOption, Modal, ModalBody, ModalFooter, ModalHeader, Radio } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import type { DialogProps } from "@/actions/action";
import { haven } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { ApiError } from "@/api/errors";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { chosenForMoves, useMoveNetworks } from "@/model/moves";
import { isLibrary } from "@/model/storage";
import { type Item, useAll, useObject, usePool, useTable } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { Act } from "@/ui/Act";
import { Help, Meter } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView, useErrorText } from "@/ui/ErrorView";
import { NumberField } from "@/ui/NumberField";
import { pathOf } from "@/ui/links";
import { Arrived, type Done, Moving } from "./MigrateProgress";

/** Fastest limit that can be asked for, in MiB a second. */
const BANDWIDTH_MIB_S_MAX = 1_048_576;

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

interface Pace {
  /** MiB a second; 0 for no limit. */
  bandwidth: number;
  compress: boolean;
  slows: boolean;
  /** Uuid of the network that memory goes over; empty: as the pool has it. */
  network: string;
  /** Uuid of the storage that its disks go to first; empty: they stay. */
  disks: string;
}

const PACE: Pace = { bandwidth: 0, compress: false, slows: true, network: "", disks: "" };

/** As `VM.pool_migrate` takes them; what is as it always is is left out. */
function optionsOf(pace: Pace, force: boolean): Record<string, string> {
  return {
    live: "true",
    ...(pace.bandwidth > 0 ? { bandwidth: String(pace.bandwidth) } : {}),
    ...(pace.compress ? { compress: "true" } : {}),
    ...(pace.slows ? {} : { auto_converge: "false" }),
    ...(pace.network === "" ? {} : { network: pace.network }),
    ...(pace.disks === "" ? {} : { disks_to: pace.disks }),
    ...(force ? { force: "true" } : {}),
  };
}

function cliOf(vm: string, host: string, pace: Pace): string {
  const words = [pace.bandwidth > 0 ? ["--bandwidth", pace.bandwidth] : [], pace.compress ? ["--compress"] : [], pace.network === "" ? [] : ["--network", pace.network], pace.disks === "" ? [] : ["--disks-to", pace.disks], pace.slows ? [] : ["--full-speed"]];
  return haven("vm", "migrate", vm, "--to", host, ...words.flat());
}

/** What the hypervisor measured; it stands in the metrics when the task is over. */
async function measured(vm: Item<"VM">): Promise<Done> {
  const notes = await call("VM_metrics.get_other_config", vm.metrics);
  const value = (key: string): number | undefined => (notes[key] === undefined ? undefined : Number(notes[key]));
  return { pause: value("last_migration_downtime_ms"), elapsed: value("last_migration_elapsed_ms"), bytes: value("last_migration_bytes") };
}

interface Props extends DialogProps<"VM"> {
  /** Reference of the host that is meant, where one was said: onto which the machine was dropped. */
  onto?: string;
}

export function MigrateDialog({ targets, close, onto }: Props): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const vm = useObject("VM", targets[0]?.$ref) ?? (targets[0] as Item<"VM">);
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const verdicts = useVerdicts(vm, hosts);
  const [to, setTo] = useState<string | null>(onto ?? null);
  const [pace, setPace] = useState(PACE);
  const [task, setTask] = useState<string | undefined>();
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<unknown>(null);
  const free = (host: Item<"host">): number => metrics.byRef.get(host.metrics)?.memory_free ?? 0;
  // Where it came from is no target, even when it has left.
  const [from] = useState(vm.resident_on);
  const others = hosts.filter((host) => host.$ref !== from).sort((a, b) => free(b) - free(a));
  const best = others.find((host) => verdicts?.has(host.$ref) === true && verdicts.get(host.$ref) === undefined);
  const chosen = hosts.find((host) => host.$ref === (to ?? best?.$ref));
  const refused = chosen === undefined ? undefined : verdicts?.get(chosen.$ref);
  const moving = task !== undefined && done === null && error === null;
  const go = async (force: boolean): Promise<void> => {
    if (chosen === undefined) return;
    setError(null);
    setTo(chosen.$ref);
    try {
      const ref = await start("VM.pool_migrate", vm.$ref, chosen.$ref, optionsOf(pace, force));
      setTask(ref);
      await waitForTask(world.client, ref);
      setDone(await measured(vm));
    } catch (failure) {
      setTask(undefined);
      setError(failure);
    }
  };
  const blocked = moving ? t("vm-migrate-moves") : verdicts === undefined ? t("vm-migrate-asking") : chosen === undefined ? t("vm-migrate-nowhere") : refused !== undefined ? t("vm-migrate-refused", { host: chosen.name_label }) : chosen.$ref === vm.resident_on ? t("vm-migrate-is-there", { host: chosen.name_label }) : undefined;
  const host = chosen?.name_label ?? "";
  const breaksPromise = error instanceof ApiError && error.code === "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN";
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="migrate-title">
      <ModalHeader title={t("vm-migrate-title", { name: vm.name_label })} labelId="migrate-title" description={t("vm-migrate-body")} />
      <ModalBody>
        {done !== null ? (
          <Arrived host={host} done={done} />
        ) : moving ? (
          <Moving vm={vm.uuid} host={host} task={task} />
        ) : (
          <div className="hv-stack">
            <div className="hv-stack" role="radiogroup" aria-label={t("vm-migrate-to")}>
              {others.map((each) => (
                <Target key={each.$ref} vm={vm} host={each} why={verdicts?.get(each.$ref)} isKnown={verdicts !== undefined} isChosen={chosen?.$ref === each.$ref} onChoose={() => setTo(each.$ref)} />
              ))}
            </div>
            <WhatStays vm={vm} close={close} />
            <Options pace={pace} onPace={setPace} from={from} to={chosen?.$ref} />
          </div>
        )}
        {error !== null && <ErrorView error={error} />}
        {!moving && done === null && <CliLines lines={[cliOf(vm.name_label, chosen?.name_label ?? "HOST", pace)]} />}
      </ModalBody>
      <ModalFooter>
        {done === null && (
          <Act onClick={() => void go(false)} blocked={blocked} isLoading={moving}>
            {t("vm-migrate")}
          </Act>
        )}
        {breaksPromise && (
          <Act variant="warning" onClick={() => void go(true)} blocked={blocked}>
            {t("vm-migrate-force")}
          </Act>
        )}
        <Button variant={done === null ? "link" : "primary"} onClick={close}>
          {t(moving ? "vm-migrate-hide" : "close")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

interface TargetProps {
  vm: Item<"VM">;
  host: Item<"host">;
  why: unknown;
  isKnown: boolean;
  isChosen: boolean;
  onChoose: () => void;
}

/** A host, how full it would be with the machine, or why it cannot take it. */
function Target({ vm, host, why, isKnown, isChosen, onChoose }: TargetProps): ReactNode {
  const { t, bytes, percent } = useI18n();
  const errorText = useErrorText();
  const metrics = useObject("host_metrics", host.metrics);
  const total = metrics?.memory_total ?? 0;
  const free = metrics?.memory_free ?? 0;
  const wanted = vm.memory_dynamic_max;
  const said = why === undefined ? undefined : errorText(why);
  return (
    <Radio
      id={`to-${host.uuid}`}
      name="to"
      isChecked={isChosen}
      // The description below says why.
      isDisabled={!isKnown || why !== undefined}
      onChange={onChoose}
      label={host.name_label}
      description={said === undefined ? t(isKnown ? "vm-migrate-free" : "vm-migrate-asking", { free: bytes(free) }) : `${said.what} ${said.remedy}`.trim()}
      body={
        total > 0 && why === undefined ? (
          <Meter
            label={t("column-memory")}
            parts={[
              { share: (total - free) / total, kind: "used", label: t("memory-used", { size: bytes(total - free) }) },
              { share: Math.min(wanted, free) / total, kind: "reserved", label: t("vm-migrate-with", { share: percent((total - free + wanted) / total) }) },
            ]}
          />
        ) : undefined
      }
    />
  );
}

/** What does not move along: its disks, which both hosts reach. */
function WhatStays({ vm, close }: { vm: Item<"VM">; close: () => void }): ReactNode {
  const { t, list } = useI18n();
  const vdis = useTable("VDI");
  const srs = useTable("SR");
  const mine = useAll("VBD").filter((vbd) => vbd.VM === vm.$ref && vbd.type === "Disk");
  const names = new Set(mine.flatMap((vbd) => srs.byRef.get(vdis.byRef.get(vbd.VDI)?.SR ?? "")?.name_label ?? []));
  return (
    <p className="hv-muted">
      {t("vm-migrate-safe")} {names.size > 0 && t("vm-migrate-disks", { storage: list([...names]) })}{" "}
      {names.size > 0 && (
        <Link to={pathOf("vm", vm.uuid, "disks")} onClick={close}>
          {t("vm-migrate-disks-link")}
        </Link>
      )}
    </p>
  );
}

/** What people look for here, and the pool does not let them choose: as it is, and why. */
function Fixed({ id, label, shown, why }: { id: string; label: string; shown: string; why: string }): ReactNode {
  const { t } = useI18n();
  return (
    <FormGroup label={t(label)} fieldId={id}>
      <FormSelect id={id} value="" isDisabled aria-describedby={`${id}-why`}>
        <FormSelectOption value="" label={t(shown)} />
      </FormSelect>
      <div id={`${id}-why`}>
        <Help>{t(why)}</Help>
      </div>
    </FormGroup>
  );
}

interface NetworkProps {
  network: string;
  onNetwork: (network: string) => void;
  /** References of both hosts; none: no target is chosen. */
  from: string;
  to: string | undefined;
}

/** Over which network memory goes, where the hosts have addresses in more than one. */
function NetworkOfMove({ network, onNetwork, from, to }: NetworkProps): ReactNode {
  const { t } = useI18n();
  const networks = useMoveNetworks();
  const pools = chosenForMoves(usePool(), networks);
  if (networks.length < 2) return <Fixed id="network" label="vm-migrate-network" shown="vm-migrate-network-management" why="vm-migrate-network-why" />;
  const usual = pools === undefined ? t("vm-migrate-network-management") : pools.network.name_label;
  const isMissing = (hosts: ReadonlySet<string>): boolean => !hosts.has(from) || (to !== undefined && !hosts.has(to));
  const lacks = networks.some((each) => each.network.uuid === network && isMissing(each.hosts));
  return (
    <FormGroup label={t("vm-migrate-network")} fieldId="network">
      <FormSelect id="network" value={network} onChange={(_event, value) => onNetwork(value)} aria-describedby="network-why">
        <FormSelectOption value="" label={t("vm-migrate-network-usual", { network: usual })} />
        {networks.map((each) => (
          <FormSelectOption key={each.network.uuid} value={each.network.uuid} label={isMissing(each.hosts) ? t("vm-migrate-network-lacks", { network: each.network.name_label }) : each.network.name_label} />
        ))}
      </FormSelect>
      <div id="network-why">
        <Help isWrong={lacks}>{t(lacks ? "vm-migrate-network-refused" : "vm-migrate-network-body")}</Help>
      </div>
    </FormGroup>
  );
}

interface DisksProps extends Pick<NetworkProps, "from" | "to"> {
  disks: string;
  onDisks: (disks: string) => void;
}

/** To which storage the disks go before the machine does: one that both hosts have. */
function DisksOfMove({ disks, onDisks, from, to }: DisksProps): ReactNode {
  const { t } = useI18n();
  const pbds = useAll("PBD").filter((pbd) => pbd.currently_attached);
  const srs = useAll("SR").filter((sr) => !isLibrary(sr));
  const has = (sr: Item<"SR">, host: string): boolean => pbds.some((pbd) => pbd.SR === sr.$ref && pbd.host === host);
  const lacks = (sr: Item<"SR">): boolean => !has(sr, from) || (to !== undefined && !has(sr, to));
  const isWrong = srs.some((sr) => sr.uuid === disks && lacks(sr));
  return (
    <FormGroup label={t("vm-migrate-disks-to")} fieldId="disks">
      <FormSelect id="disks" value={disks} onChange={(_event, value) => onDisks(value)} aria-describedby="disks-why">
        <FormSelectOption value="" label={t("vm-migrate-disks-stay")} />
        {srs.map((sr) => (
          <FormSelectOption key={sr.uuid} value={sr.uuid} label={lacks(sr) ? t("vm-migrate-disks-lacks", { storage: sr.name_label }) : sr.name_label} />
        ))}
      </FormSelect>
      <div id="disks-why">
        <Help isWrong={isWrong}>{t(isWrong ? "vm-migrate-disks-refused" : "vm-migrate-disks-why")}</Help>
      </div>
    </FormGroup>
  );
}

interface OptionsProps extends Pick<NetworkProps, "from" | "to"> {
  pace: Pace;
  onPace: (pace: Pace) => void;
}

function Options({ pace, onPace, from, to }: OptionsProps): ReactNode {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  return (
    <ExpandableSection toggleText={t("vm-migrate-options")} isExpanded={open} onToggle={(_event, value) => setOpen(value)}>
      <div className="hv-stack">
        <NumberField id="bandwidth" label={t("vm-migrate-bandwidth")} value={pace.bandwidth} min={0} max={BANDWIDTH_MIB_S_MAX} step={50} onChange={(value) => onPace({ ...pace, bandwidth: Math.round(value) })} />
        <p className="hv-muted">{t("vm-migrate-bandwidth-body")}</p>
        <Checkbox id="compress" label={t("vm-migrate-compress")} description={t("vm-migrate-compress-body")} isChecked={pace.compress} onChange={(_event, compress) => onPace({ ...pace, compress })} />
        <DisksOfMove disks={pace.disks} onDisks={(disks) => onPace({ ...pace, disks })} from={from} to={to} />
        <NetworkOfMove network={pace.network} onNetwork={(network) => onPace({ ...pace, network })} from={from} to={to} />
        <Checkbox id="slows" label={t("vm-migrate-slows")} description={t("vm-migrate-slows-body")} isChecked={pace.slows} onChange={(_event, slows) => onPace({ ...pace, slows })} />
        <Checkbox id="post-copy" label={t("vm-migrate-post-copy")} description={t("vm-migrate-post-copy-why")} isChecked={false} isDisabled />
      </div>
    </ExpandableSection>
  );
}
