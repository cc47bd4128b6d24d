// Lists of the pool's hosts, machines, storage and networks.
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { roomOf } from "@/model/storage";
import { type Item, useAll, useObject, usePool, useTable, useVms } from "@/store/hooks";
import { HostName, Meter, Nothing } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { HostPill, PowerPill, protectionOf, ShieldPill } from "@/ui/status";
import { ownName } from "@/ui/names";

export function HostsTab(): ReactNode {
  const { number } = useI18n();
  const hosts = useAll("host");
  const columns = useMemo<Array<Column<Item<"host">>>>(
    () => [
      { id: "name", label: "column-name", width: "2fr", value: (h) => h.name_label, cell: (h) => <HostName host={h} /> },
      { id: "state", label: "column-state", cell: (h) => <HostPill host={h} /> },
      { id: "address", label: "column-address", value: (h) => h.address, cell: (h) => h.address },
      { id: "vms", label: "column-vms", isNumber: true, value: (h) => h.resident_VMs.length, cell: (h) => number(h.resident_VMs.length) },
      { id: "memory", label: "column-memory", width: "1.5fr", cell: (h) => <HostMemory host={h} /> },
    ],
    [number],
  );
  return <ObjectTable of="host" rows={hosts} columns={columns} label="tab-hosts" />;
}

function HostMemory({ host }: { host: Item<"host"> }): ReactNode {
  const { t, bytes } = useI18n();
  const metrics = useObject("host_metrics", host.metrics);
  if (metrics === undefined || metrics.memory_total === 0) return "–";
  const used = metrics.memory_total - metrics.memory_free;
  const label = t("used-of", { used: bytes(used), total: bytes(metrics.memory_total) });
  return <Meter label={t("column-memory")} parts={[{ share: used / metrics.memory_total, kind: "used", label }]} />;
}

export function useVmColumns(): Array<Column<Item<"VM">>> {
  const { t, number, bytes } = useI18n();
  // Asked once for the list, not by every row of it.
  const hosts = useTable("host");
  const pool = usePool();
  return useMemo(
    () => [
      { id: "name", label: "column-name", width: "2fr", value: (vm) => vm.name_label, cell: (vm) => <Link to={pathOf("vm", vm.uuid)}>{vm.name_label}</Link> },
      { id: "state", label: "column-state", value: (vm) => t(`power-${vm.power_state.toLowerCase()}`), cell: (vm) => <PowerPill state={vm.power_state} /> },
      { id: "shield", label: "column-protection", value: (vm) => vm.ha_restart_priority, cell: (vm) => <ShieldPill protection={protectionOf(vm, pool)} /> },
      { id: "host", label: "column-host", value: (vm) => hosts.byRef.get(vm.resident_on)?.name_label ?? "", cell: (vm) => <HostName host={hosts.byRef.get(vm.resident_on)} /> },
      { id: "cpu", label: "column-vcpus", width: "80px", isNumber: true, value: (vm) => vm.VCPUs_at_startup, cell: (vm) => number(vm.VCPUs_at_startup) },
      { id: "memory", label: "column-memory", width: "110px", isNumber: true, value: (vm) => vm.memory_static_max, cell: (vm) => bytes(vm.memory_static_max) },
    ],
    [t, number, bytes, hosts, pool],
  );
}

export function VmsTab(): ReactNode {
  const { t } = useI18n();
  return (
    <ObjectTable
      of="VM"
      rows={useVms()}
      columns={useVmColumns()}
      label="tab-vms"
      empty={
        <Nothing title="no-vms" body="no-vms-body">
          <Link to="/new/vm">{t("new-vm")}</Link>
        </Nothing>
      }
    />
  );
}

export function StorageTab(): ReactNode {
  const { t, bytes } = useI18n();
  const columns = useMemo<Array<Column<Item<"SR">>>>(
    () => [
      { id: "name", label: "column-name", width: "2fr", value: (sr) => sr.name_label, cell: (sr) => <Link to={pathOf("sr", sr.uuid)}>{sr.name_label}</Link> },
      { id: "type", label: "column-type", value: (sr) => sr.type, cell: (sr) => sr.type },
      { id: "shared", label: "column-shared", value: (sr) => t(sr.shared ? "shared-yes" : "shared-no"), cell: (sr) => t(sr.shared ? "shared-yes" : "shared-no") },
      {
        id: "used",
        label: "column-used",
        width: "2fr",
        value: (sr) => sr.physical_utilisation,
        cell: (sr) => (
          <Meter
            label={t("column-used")}
            parts={[
              {
                share: sr.physical_size > 0 ? sr.physical_utilisation / sr.physical_size : 0,
                kind: "used",
                label: t("used-of", { used: bytes(sr.physical_utilisation), total: bytes(sr.physical_size) }),
              },
            ]}
          />
        ),
      },
      { id: "free", label: "column-free", isNumber: true, value: roomOf, cell: (sr) => bytes(roomOf(sr)) },
    ],
    [t, bytes],
  );
  return (
    <ObjectTable
      of="SR"
      rows={useAll("SR")}
      columns={columns}
      label="tab-storage"
      empty={
        <Nothing title="no-storage" body="no-storage-body">
          <Link to="/new/storage">{t("new-storage")}</Link>
        </Nothing>
      }
    />
  );
}

export function NetworksTab(): ReactNode {
  const { number, t } = useI18n();
  const columns = useMemo<Array<Column<Item<"network">>>>(
    () => [
      { id: "name", label: "column-name", width: "2fr", value: (n) => ownName(n, t), cell: (n) => <Link to={pathOf("network", n.uuid)}>{ownName(n, t)}</Link> },
      { id: "bridge", label: "column-bridge", value: (n) => n.bridge, cell: (n) => n.bridge },
      { id: "mtu", label: "column-mtu", isNumber: true, value: (n) => n.MTU, cell: (n) => number(n.MTU) },
      { id: "vms", label: "column-interfaces", isNumber: true, value: (n) => n.VIFs.length, cell: (n) => number(n.VIFs.length) },
    ],
    [number, t],
  );
  return <ObjectTable of="network" rows={useAll("network")} columns={columns} label="tab-networks" />;
}
