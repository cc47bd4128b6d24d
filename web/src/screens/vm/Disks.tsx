// The disks of a machine: which storage they are on, and what is done with them.
import type { ReactNode } from "react";
import { ActionButton } from "@/actions/ActionButton";
import { useI18n } from "@/i18n";
import { type Item, useAll, useLoaded, useTable } from "@/store/hooks";
import { Nothing, Panel, SrLink } from "@/ui/bits";
import { add, changeCd, deleteDisk, detach, moveDisk, resize } from "./devices";

export default function Disks({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const { t, bytes } = useI18n();
  const vdis = useTable("VDI");
  const vbds = useAll("VBD").filter((vbd) => vbd.VM === vm.$ref).sort((a, b) => a.userdevice.localeCompare(b.userdevice, undefined, { numeric: true }));
  const loaded = useLoaded("VBD");
  return (
    <Panel title={t("tab-disks")}>
      <div className="hv-buttons">
        <ActionButton action={add} target={vm} />
        <ActionButton action={changeCd} target={vm} />
      </div>
      {loaded && vbds.length === 0 && <Nothing title="vm-no-disks" body="vm-no-disks-body" />}
      {vbds.length > 0 && <table className="hv-matrix">
        <thead>
          <tr>
            <th scope="col">{t("column-name")}</th>
            <th scope="col">{t("column-device")}</th>
            <th scope="col">{t("column-size")}</th>
            <th scope="col">{t("column-used")}</th>
            <th scope="col">{t("tab-storage")}</th>
            <th scope="col">{t("actions")}</th>
          </tr>
        </thead>
        <tbody>
          {vbds.map((vbd) => {
            const vdi = vdis.byRef.get(vbd.VDI);
            const name = vdi?.name_label ?? t("vm-empty-drive");
            const label = (action: string): string => t("snap-action-of", { action: t(action), name });
            return (
              <tr key={vbd.$ref}>
                <th scope="row">{name}</th>
                <td>
                  {vbd.device === "" ? vbd.userdevice : vbd.device}
                  {vbd.type === "Disk" && ["scsi", "sata"].includes(vbd.other_config["bus"] ?? "") && <div className="hv-muted">{t(`bus-${vbd.other_config["bus"] ?? ""}`)}</div>}
                </td>
                <td>{vdi === undefined ? "–" : bytes(vdi.virtual_size)}</td>
                <td>{vdi === undefined ? "–" : bytes(vdi.physical_utilisation)}</td>
                <td>
                  <SrLink sr={vdi?.SR} />
                </td>
                <td>
                  {vdi !== undefined && vbd.type === "Disk" && (
                    <>
                      <ActionButton action={resize} target={vdi} variant="link" label={label(resize.label)} />
                      <ActionButton action={moveDisk} target={vdi} variant="link" label={label(moveDisk.label)} />
                      <ActionButton action={detach} target={vbd} variant="link" label={label(detach.label)} />
                      <ActionButton action={deleteDisk} target={vdi} variant="link" label={label(deleteDisk.label)} />
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>}
    </Panel>
  );
}
