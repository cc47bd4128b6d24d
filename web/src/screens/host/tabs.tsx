// The host in facts, and its machines; the network in facts.
import { type ReactNode, useMemo } from "react";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll, useObject, usePool, useVms } from "@/store/hooks";
import { Facts, HostLink, Meter, Nothing, Panel, SrLink } from "@/ui/bits";
import { ObjectTable } from "@/ui/ObjectTable";
import { Pill } from "@/ui/status";
import { pathOf } from "@/ui/links";
import type { Subject } from "../performance/rrd";
import { Sparks } from "../vm/Activity";
import { Timeline } from "../pool/History";
import { useVmColumns } from "../pool/lists";

export function HostOverview({ object: host }: { object: Item<"host"> }): ReactNode {
  const { t, bytes, number, dateTime } = useI18n();
  const pool = usePool();
  const metrics = useObject("host_metrics", host.metrics);
  const pifs = useAll("PIF").filter((pif) => pif.host === host.$ref);
  const pbds = useAll("PBD").filter((pbd) => pbd.host === host.$ref);
  const total = metrics?.memory_total ?? 0;
  const used = total - (metrics?.memory_free ?? 0);
  const seen = wireTime(metrics?.last_updated);
  const subject = useMemo<Subject>(() => ({ kind: "host", uuid: host.uuid, hosts: [{ uuid: host.uuid, name: host.name_label, cpus: 1 }] }), [host.uuid, host.name_label]);
  return (
    <div className="hv-columns">
      <Panel title={t("vm-facts")}>
        <Facts
          facts={[
            ["column-description", host.name_description],
            ["column-address", host.address],
            ["host-role", t(pool?.master === host.$ref ? "host-role-coordinator" : "host-role-member")],
            ["host-cpu", host.cpu_info["modelname"]],
            ["host-cores", host.cpu_info["cpu_count"]],
            ["column-vms", number(host.resident_VMs.length)],
            ["host-version", host.software_version["product_version"]],
            ["host-seen", seen > 0 ? dateTime(seen) : undefined],
            ["column-uuid", <code key="uuid">{host.uuid}</code>],
          ]}
        />
      </Panel>
      <div className="hv-stack">
        <Sparks subject={subject} title="vm-activity" none="vm-activity-none" more={pathOf("host", host.uuid, "performance")} />
        <Panel title={t("column-memory")}>
          <div className="hv-stack">
            <div className="hv-tile-value">{t("used-of", { used: bytes(used), total: bytes(total) })}</div>
            <Meter label={t("column-memory")} parts={[{ share: total === 0 ? 0 : used / total, kind: "used", label: t("memory-used", { size: bytes(used) }) }]} />
          </div>
        </Panel>
        <Panel title={t("tab-storage")}>
          <ul className="hv-arrivals">
            {pbds.map((pbd) => (
              <li key={pbd.$ref}>
                <SrLink sr={pbd.SR} />
                <Pill colour={pbd.currently_attached ? "green" : "red"}>{t(pbd.currently_attached ? "sr-attached" : "sr-detached")}</Pill>
              </li>
            ))}
          </ul>
          {pbds.length === 0 && <p className="hv-muted">{t("no-storage")}</p>}
        </Panel>
        <Panel title={t("host-interfaces")}>
          <ul className="hv-arrivals">
            {pifs.map((pif) => (
              <li key={pif.$ref}>
                <strong>{pif.device}</strong> <span>{pif.IP}</span> <code>{pif.MAC}</code>
                {pif.management && <Pill colour="blue">{t("host-management")}</Pill>}
              </li>
            ))}
          </ul>
        </Panel>
      </div>
    </div>
  );
}

export function HostVms({ object: host }: { object: Item<"host"> }): ReactNode {
  const vms = useVms();
  const mine = useMemo(() => vms.filter((vm) => vm.resident_on === host.$ref), [vms, host.$ref]);
  return <ObjectTable of="VM" rows={mine} columns={useVmColumns()} label="tab-vms" empty={<Nothing title="host-no-vms" body="host-no-vms-body" />} />;
}

export function HostHistory({ object: host }: { object: Item<"host"> }): ReactNode {
  const of = useMemo(() => ({ uuid: host.uuid, name: host.name_label }), [host.uuid, host.name_label]);
  return <Timeline of={of} />;
}

export function NetworkOverview({ object: network }: { object: Item<"network"> }): ReactNode {
  const { t, number } = useI18n();
  const pifs = useAll("PIF").filter((pif) => pif.network === network.$ref);
  return (
    <div className="hv-columns">
      <Panel title={t("vm-facts")}>
        <Facts
          facts={[
            ["column-description", network.name_description],
            ["column-bridge", network.bridge],
            ["column-mtu", number(network.MTU)],
            ["column-interfaces", number(network.VIFs.length)],
            ["column-uuid", <code key="uuid">{network.uuid}</code>],
          ]}
        />
      </Panel>
      <Panel title={t("tab-hosts")}>
        <ul className="hv-arrivals">
          {pifs.map((pif) => (
            <li key={pif.$ref}>
              <HostLink host={pif.host} /> <span>{pif.device}</span> <code>{pif.MAC}</code>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}
