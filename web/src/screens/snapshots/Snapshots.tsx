// W10: what a machine can go back to, in the order of time, and where it is now.
import { Label } from "@patternfly/react-core";
import CameraIcon from "@patternfly/react-icons/dist/esm/icons/camera-icon";
import { type ReactNode, useMemo } from "react";
import type { Action } from "@/actions/action";
import { ActionButton } from "@/actions/ActionButton";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { type Item, useAll, useTable } from "@/store/hooks";
import { Nothing } from "@/ui/bits";
import { removeSnapshot, revert, take } from "./actions";
import { linesOf } from "./tree";

function Act({ action, target }: { action: Action<"VM">; target: Item<"VM"> }): ReactNode {
  const { t } = useI18n();
  return target.is_a_snapshot ? (
    <ActionButton action={action} target={target} variant="link" label={t("snap-action-of", { action: t(action.label), name: target.name_label })} />
  ) : (
    <ActionButton action={action} target={target} />
  );
}

export default function Snapshots({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const { t, dateTime, bytes } = useI18n();
  const all = useAll("VM");
  const vbds = useAll("VBD");
  const vdis = useTable("VDI");
  const lines = useMemo(() => linesOf(vm, all.filter((each) => each.is_a_snapshot && each.snapshot_of === vm.$ref)), [vm, all]);
  const sizes = useMemo(() => {
    const found = new Map<string, number>();
    for (const vbd of vbds) found.set(vbd.VM, (found.get(vbd.VM) ?? 0) + (vdis.byRef.get(vbd.VDI)?.physical_utilisation ?? 0));
    return found;
  }, [vbds, vdis]);
  if (lines.length < 2) {
    return (
      <Nothing title="snap-none" body="snap-none-body" icon={CameraIcon}>
        <Act action={take} target={vm} />
      </Nothing>
    );
  }
  return (
    <div className="hv-stack">
      <div className="hv-buttons">
        <Act action={take} target={vm} />
      </div>
      <div className="hv-card-list">
        <table className="hv-matrix">
          <thead>
            <tr>
              <th scope="col">{t("column-name")}</th>
              <th scope="col">{t("snap-taken")}</th>
              <th scope="col">{t("snap-holds")}</th>
              <th scope="col">{t("column-size")}</th>
              <th scope="col">{t("actions")}</th>
            </tr>
          </thead>
          <tbody>
            {lines.map(({ snapshot, depth, after }) => (
              <tr key={snapshot?.$ref ?? "now"} className={snapshot === undefined ? "hv-snap-now" : undefined}>
                <th scope="row" style={{ paddingInlineStart: `${depth * 1.5}rem` }}>
                  <span className={snapshot === undefined ? "hv-snap-dot hv-snap-here" : "hv-snap-dot"} aria-hidden="true" />
                  {snapshot?.name_label ?? t("snap-here")}
                  {after !== undefined && <small className="hv-muted"> {t("snap-after", { name: after })}</small>}
                  {snapshot !== undefined && snapshot.name_description !== "" && <p className="hv-muted hv-snap-notes">{snapshot.name_description}</p>}
                </th>
                <td>{snapshot === undefined ? t("snap-now") : dateTime(wireTime(snapshot.snapshot_time))}</td>
                <td>{snapshot !== undefined && <Label color={snapshot.power_state === "Suspended" ? "blue" : "grey"}>{t(snapshot.power_state === "Suspended" ? "snap-with-memory" : "snap-disks")}</Label>}</td>
                <td>{snapshot !== undefined && bytes(sizes.get(snapshot.$ref) ?? 0)}</td>
                <td>
                  {snapshot !== undefined && (
                    <>
                      <Act action={revert} target={snapshot} />
                      <Act action={removeSnapshot} target={snapshot} />
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
