// W8: the machine in facts, its history.
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useWorld } from "@/actions/runner";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll, useObject, usePool, useTable } from "@/store/hooks";
import { Facts, HostLink, Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { protectionOf, ShieldPill } from "@/ui/status";
import { useNow } from "@/ui/useNow";
import { ownName } from "@/ui/names";
import { Timeline } from "../pool/History";
import { Activity } from "./Activity";
import { coresOf } from "./marks";
import { Notes, PendingChanges } from "./Notes";
import { Thumbnail } from "./Thumbnail";

interface Props {
  object: Item<"VM">;
}

export function VmOverview({ object: vm }: Props): ReactNode {
  const { t, bytes, number, dateTime, ago } = useI18n();
  const pool = usePool();
  const metrics = useObject("VM_metrics", vm.metrics);
  const guest = useObject("VM_guest_metrics", vm.guest_metrics);
  const vifs = useAll("VIF").filter((vif) => vif.VM === vm.$ref);
  const networks = useTable("network");
  const protection = protectionOf(vm, pool);
  const started = wireTime(metrics?.start_time);
  const world = useWorld();
  const now = useNow();
  const cores = coresOf(vm);
  const snapped = Math.max(0, ...vm.snapshots.map((ref) => wireTime(world.get("VM", ref)?.snapshot_time)));
  const pause = metrics?.other_config["last_migration_downtime_ms"];
  return (
    <div className="hv-columns">
      <div className="hv-stack">
        <PendingChanges vm={vm} />
        <Panel title={t("vm-facts")}>
          <Facts
            facts={[
              ["column-host", vm.power_state === "Halted" ? undefined : <HostLink host={vm.resident_on} />],
              ["vm-home", vm.affinity === "OpaqueRef:NULL" ? undefined : <HostLink host={vm.affinity} />],
              ["vm-running-since", vm.power_state === "Running" && started > 0 ? `${dateTime(started)} (${ago(started, now)})` : undefined],
              ["column-vcpus", number(vm.VCPUs_at_startup)],
              ["column-memory", bytes(vm.memory_static_max)],
              ["newvm-topology", cores > 0 ? t("topology", { sockets: vm.VCPUs_max / cores, cores }) : undefined],
              ["vm-guest", guest?.os_version["name"]],
              ["vm-addresses", guest === undefined ? undefined : [...new Set(Object.values(guest.networks))].join(", ")],
              ["vm-last-pause", pause === undefined ? undefined : t("milliseconds", { value: number(Number(pause)) })],
              ["vm-last-snapshot", <Link key="snapshot" to={pathOf("vm", vm.uuid, "snapshots")}>{snapped > 0 ? `${dateTime(snapped)} (${ago(snapped, now)})` : t("vm-no-snapshot")}</Link>],
              ["column-uuid", <code key="uuid">{vm.uuid}</code>],
            ]}
          />
        </Panel>
        <Notes vm={vm} />
        <Panel title={t("tab-protection")}>
          <p>
            <ShieldPill protection={protection} />
          </p>
          <p>{t(`vm-protection-${protection}`, { order: vm.order })}</p>
          <Link to={pathOf("vm", vm.uuid, "protection")}>{t("vm-protection-more")}</Link>
        </Panel>
        <Panel title={t("tab-networks")}>
          {vifs.length === 0 ? (
            <p className="hv-muted">{t("vm-no-interfaces")}</p>
          ) : (
            <ul className="hv-arrivals">
              {vifs.map((vif) => {
                const network = networks.byRef.get(vif.network);
                return (
                  <li key={vif.$ref}>
                    {network === undefined ? "–" : <Link to={pathOf("network", network.uuid)}>{ownName(network, t)}</Link>}
                    <code>{vif.MAC}</code>
                  </li>
                );
              })}
            </ul>
          )}
        </Panel>
      </div>
      <div className="hv-stack">
        <Thumbnail vm={vm} />
        <Activity vm={vm} />
      </div>
    </div>
  );
}

export function VmHistory({ object: vm }: Props): ReactNode {
  const of = useMemo(() => ({ uuid: vm.uuid, name: vm.name_label }), [vm.uuid, vm.name_label]);
  return <Timeline of={of} />;
}
