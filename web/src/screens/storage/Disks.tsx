// W5: the disks on a storage repository: whose they are, how deep their chains are, and which nobody uses.
import { Checkbox } from "@patternfly/react-core";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { ActionButton } from "@/actions/ActionButton";
import { useI18n } from "@/i18n";
import { isLibrary } from "@/model/storage";
import { type Item, useAll, useTable } from "@/store/hooks";
import { Nothing } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { type Column, ObjectTable } from "@/ui/ObjectTable";
import { useChoice } from "@/ui/useParam";
import { deleteImage } from "../images/remove";

/** Volumes of a chain that are counted; the pool allows no more. */
const DEPTH_MAX = 32;
/** Disks of the pool itself. */
const SYSTEM: ReadonlySet<string> = new Set(["ha_statefile", "metadata", "redo_log", "suspend", "crashdump"]);

/** How many volumes a disk is spread over. */
export function chainDepth(vdi: Item<"VDI">, byFile: ReadonlyMap<string, Item<"VDI">>): number {
  let depth = 1;
  let below = vdi.sm_config["backing"];
  while (below !== undefined && depth < DEPTH_MAX) {
    depth += 1;
    below = byFile.get(below)?.sm_config["backing"];
  }
  return depth;
}

/** Whether nothing needs it: no machine, no snapshot, not the pool. */
export function isOrphan(vdi: Item<"VDI">): boolean {
  return vdi.VBDs.length === 0 && vdi.managed && !vdi.is_a_snapshot && !SYSTEM.has(vdi.type);
}

export function SrDisks({ object: sr }: { object: Item<"SR"> }): ReactNode {
  const { t, bytes, number } = useI18n();
  const vdis = useAll("VDI");
  const vbds = useTable("VBD");
  const vms = useTable("VM");
  const [only, setOnly] = useChoice("only", ["all", "orphans"]);
  const onlyOrphans = only === "orphans";
  const isIso = isLibrary(sr);
  const all = useMemo(() => vdis.filter((vdi) => vdi.SR === sr.$ref), [vdis, sr.$ref]);
  const orphans = useMemo(() => (isIso ? [] : all.filter(isOrphan)), [all, isIso]);
  const columns = useMemo<Array<Column<Item<"VDI">>>>(() => {
    const byFile = new Map(all.map((vdi) => [vdi.location, vdi]));
    const owner = (vdi: Item<"VDI">): { uuid: string; name_label: string } | undefined => {
      const vbd = vdi.VBDs.map((ref) => vbds.byRef.get(ref)).find((each) => each !== undefined);
      return vbd === undefined ? undefined : vms.byRef.get(vbd.VM);
    };
    const use = (vdi: Item<"VDI">): string => {
      if (isIso) return "disk-use-image";
      if (vdi.is_a_snapshot) return "disk-use-snapshot";
      if (SYSTEM.has(vdi.type)) return "disk-use-system";
      if (!vdi.managed) return "disk-use-base";
      return vdi.VBDs.length === 0 ? "disk-use-none" : "disk-use-machine";
    };
    const remove: Column<Item<"VDI">> = {
      id: "actions",
      label: "actions",
      cell: (vdi) => <ActionButton action={deleteImage} target={vdi} variant="link" label={t("snap-action-of", { action: t(deleteImage.label), name: vdi.name_label })} />,
    };
    return [
      { id: "name", label: "column-name", width: "2fr", value: (vdi) => vdi.name_label, cell: (vdi) => vdi.name_label },
      { id: "use", label: "disk-use", value: (vdi) => t(use(vdi)), cell: (vdi) => t(use(vdi)) },
      {
        id: "vm",
        label: "kind-vm",
        value: (vdi) => owner(vdi)?.name_label ?? "",
        cell: (vdi) => {
          const vm = owner(vdi);
          return vm === undefined ? "–" : <Link to={pathOf("vm", vm.uuid)}>{vm.name_label}</Link>;
        },
      },
      { id: "chain", label: "disk-chain", isNumber: true, value: (vdi) => chainDepth(vdi, byFile), cell: (vdi) => number(chainDepth(vdi, byFile)) },
      { id: "size", label: "column-size", isNumber: true, value: (vdi) => vdi.virtual_size, cell: (vdi) => bytes(vdi.virtual_size) },
      { id: "used", label: "column-used", isNumber: true, value: (vdi) => vdi.physical_utilisation, cell: (vdi) => bytes(vdi.physical_utilisation) },
      ...(isIso && sr.type !== "udev" ? [remove] : []),
    ];
  }, [all, bytes, number, t, vbds, vms, isIso, sr.type]);
  return (
    <div className="hv-stack">
      {isIso && (
        <p>
          <Link to={`/new/image?sr=${sr.uuid}`}>{t("new-iso")}</Link>
        </p>
      )}
      {!isIso && (
        <Checkbox id="only-orphans" label={t("disk-only-orphans", { count: orphans.length })} isChecked={onlyOrphans} onChange={(_event, isOn) => setOnly(isOn ? "orphans" : "all")} />
      )}
      <ObjectTable of="VDI" rows={onlyOrphans ? orphans : all} columns={columns} label="tab-disks" hasSelection={false} empty={<Nothing title="sr-empty" body="sr-empty-body" />} />
    </div>
  );
}
