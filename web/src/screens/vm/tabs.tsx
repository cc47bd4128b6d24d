// W8: the machine in facts, its disks, its history.
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll, useObject, usePool, useTable } from "@/store/hooks";
import { Facts, HostLink, Nothing, Panel, SrLink } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { protectionOf } from "@/ui/status";
import { Timeline } from "../pool/History";

interface Props {
  object: Item<"VM">;
}

export function VmOverview({ object: vm }: Props): ReactNode {
  const { t, bytes, number, dateTime } = useI18n();
  const pool = usePool();
  const metrics = useObject("VM_metrics", vm.metrics);
  const guest = useObject("VM_guest_metrics", vm.guest_metrics);
  const vifs = useAll("VIF").filter((vif) => vif.VM === vm.$ref);
  const networks = useTable("network");
  const protection = protectionOf(vm, pool);
  const started = wireTime(metrics?.start_time);
  const pause = metrics?.other_config["last_migration_downtime_ms"];
  return (
    <div className="hv-columns">
      <Panel title={t("vm-facts")}>
        <Facts
          facts={[
            ["column-description", vm.name_description],
            ["column-host", vm.power_state === "Halted" ? undefined : <HostLink host={vm.resident_on} />],
            ["vm-home", vm.affinity === "OpaqueRef:NULL" ? undefined : <HostLink host={vm.affinity} />],
            ["vm-running-since", vm.power_state === "Running" && started > 0 ? dateTime(started) : undefined],
            ["column-vcpus", number(vm.VCPUs_at_startup)],
            ["column-memory", bytes(vm.memory_static_max)],
            ["vm-guest", guest?.os_version["name"]],
            ["vm-addresses", guest === undefined ? undefined : Object.values(guest.networks).join(", ")],
            ["vm-last-pause", pause === undefined ? undefined : t("milliseconds", { value: number(Number(pause)) })],
            ["column-uuid", <code key="uuid">{vm.uuid}</code>],
          ]}
        />
      </Panel>
      <div className="hv-stack">
        <Panel title={t("tab-protection")}>
          <p>{t(`vm-protection-${protection}`, { order: vm.order })}</p>
          <Link to="/pool/availability">{t("see-availability")}</Link>
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
                    {network === undefined ? "–" : <Link to={pathOf("network", network.uuid)}>{network.name_label}</Link>}
                    <code>{vif.MAC}</code>
                  </li>
                );
              })}
            </ul>
          )}
        </Panel>
      </div>
    </div>
  );
}

export function VmDisks({ object: vm }: Props): ReactNode {
  const { t, bytes } = useI18n();
  const vdis = useTable("VDI");
  const vbds = useAll("VBD").filter((vbd) => vbd.VM === vm.$ref);
  if (vbds.length === 0) return <Nothing title="vm-no-disks" body="vm-no-disks-body" />;
  return (
    <Panel title={t("tab-disks")}>
      <table className="hv-matrix">
        <thead>
          <tr>
            <th scope="col">{t("column-name")}</th>
            <th scope="col">{t("column-device")}</th>
            <th scope="col">{t("column-size")}</th>
            <th scope="col">{t("column-used")}</th>
            <th scope="col">{t("tab-storage")}</th>
          </tr>
        </thead>
        <tbody>
          {vbds.map((vbd) => {
            const vdi = vdis.byRef.get(vbd.VDI);
            return (
              <tr key={vbd.$ref}>
                <th scope="row">{vdi?.name_label ?? t("vm-empty-drive")}</th>
                <td>{vbd.device === "" ? vbd.userdevice : vbd.device}</td>
                <td>{vdi === undefined ? "–" : bytes(vdi.virtual_size)}</td>
                <td>{vdi === undefined ? "–" : bytes(vdi.physical_utilisation)}</td>
                <td>
                  <SrLink sr={vdi?.SR} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

export function VmHistory({ object: vm }: Props): ReactNode {
  const of = useMemo(() => ({ uuid: vm.uuid, name: vm.name_label }), [vm.uuid, vm.name_label]);
  return <Timeline of={of} />;
}
