// W5: how full, where attached, what is on it.
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { useI18n } from "@/i18n";
import { type Item, useAll, useTable } from "@/store/hooks";
import { Facts, HostLink, Meter, Nothing, Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { Pill } from "@/ui/status";

interface Props {
  object: Item<"SR">;
}

export function SrOverview({ object: sr }: Props): ReactNode {
  const { t, bytes, number } = useI18n();
  const size = Math.max(0, sr.physical_size);
  const used = Math.max(0, sr.physical_utilisation);
  const ratio = size === 0 ? 0 : sr.virtual_allocation / size;
  return (
    <div className="hv-columns">
      <Panel title={t("sr-capacity")}>
        <div className="hv-stack">
          <div className="hv-tile-value">{t("used-of", { used: bytes(used), total: bytes(size) })}</div>
          <Meter label={t("sr-capacity")} parts={[{ share: size === 0 ? 0 : used / size, kind: "used", label: t("memory-used", { size: bytes(used) }) }]} />
          <p className="hv-muted">{t("sr-promised", { size: bytes(sr.virtual_allocation), ratio: number(ratio, 2) })}</p>
        </div>
      </Panel>
      <Panel title={t("vm-facts")}>
        <Facts
          facts={[
            ["column-description", sr.name_description],
            ["column-type", sr.type],
            ["column-shared", t(sr.shared ? "shared-yes" : "shared-no")],
            ["tab-disks", number(sr.VDIs.length)],
            ["column-uuid", <code key="uuid">{sr.uuid}</code>],
          ]}
        />
      </Panel>
    </div>
  );
}

export function SrDisks({ object: sr }: Props): ReactNode {
  const { bytes } = useI18n();
  const vdis = useAll("VDI");
  const vbds = useTable("VBD");
  const vms = useTable("VM");
  const rows = useMemo(() => vdis.filter((vdi) => vdi.SR === sr.$ref), [vdis, sr.$ref]);
  const columns = useMemo<Array<Column<Item<"VDI">>>>(() => {
    const owner = (vdi: Item<"VDI">): { uuid: string; name_label: string } | undefined => {
      const vbd = vdi.VBDs.map((ref) => vbds.byRef.get(ref)).find((each) => each !== undefined);
      return vbd === undefined ? undefined : vms.byRef.get(vbd.VM);
    };
    return [
      { id: "name", label: "column-name", width: "2fr", value: (vdi) => vdi.name_label, cell: (vdi) => vdi.name_label },
      {
        id: "vm",
        label: "kind-vm",
        value: (vdi) => owner(vdi)?.name_label ?? "",
        cell: (vdi) => {
          const vm = owner(vdi);
          return vm === undefined ? "–" : <Link to={pathOf("vm", vm.uuid)}>{vm.name_label}</Link>;
        },
      },
      { id: "size", label: "column-size", isNumber: true, value: (vdi) => vdi.virtual_size, cell: (vdi) => bytes(vdi.virtual_size) },
      { id: "used", label: "column-used", isNumber: true, value: (vdi) => vdi.physical_utilisation, cell: (vdi) => bytes(vdi.physical_utilisation) },
    ];
  }, [bytes, vbds, vms]);
  return <ObjectTable of="VDI" rows={rows} columns={columns} label="tab-disks" hasSelection={false} empty={<Nothing title="sr-empty" body="sr-empty-body" />} />;
}

export function SrPaths({ object: sr }: Props): ReactNode {
  const { t } = useI18n();
  const pbds = useAll("PBD").filter((pbd) => pbd.SR === sr.$ref);
  return (
    <Panel title={t("tab-paths")}>
      <table className="hv-matrix">
        <thead>
          <tr>
            <th scope="col">{t("column-host")}</th>
            <th scope="col">{t("column-state")}</th>
            <th scope="col">{t("sr-where")}</th>
          </tr>
        </thead>
        <tbody>
          {pbds.map((pbd) => (
            <tr key={pbd.$ref}>
              <th scope="row">
                <HostLink host={pbd.host} />
              </th>
              <td>
                <Pill colour={pbd.currently_attached ? "green" : "red"}>{t(pbd.currently_attached ? "sr-attached" : "sr-detached")}</Pill>
              </td>
              <td>
                <code>{[pbd.device_config["server"], pbd.device_config["serverpath"] ?? pbd.device_config["location"]].filter((part) => part !== undefined).join(":")}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
