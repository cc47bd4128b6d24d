// W5: how full it is, and what it is for.
import { type ReactNode, useMemo } from "react";
import { useI18n } from "@/i18n";
import { useHaStatus } from "@/model/ha";
import { isLibrary } from "@/model/storage";
import { type Item, useAll, usePool } from "@/store/hooks";
import { Facts, Meter, Panel } from "@/ui/bits";
import { Timeline } from "../pool/History";
import { Trend } from "./Trend";

interface Props {
  object: Item<"SR">;
}

/** What it carries beside disks of machines; a text. */
function useDuties(sr: Item<"SR">): string[] {
  const { t, number } = useI18n();
  const pool = usePool();
  const status = useHaStatus();
  const vdis = useAll("VDI");
  const duties: string[] = [];
  if (pool?.default_SR === sr.$ref) duties.push(t("sr-is-default"));
  const beats = status.data?.statefiles.find((each) => each.sr === sr.uuid);
  if (beats !== undefined) {
    const latency = typeof beats.latency_us === "number" ? t("milliseconds", { value: number(beats.latency_us / 1000, 1) }) : "–";
    duties.push(t(beats.state === "good" ? "sr-heartbeats-good" : "sr-heartbeats-bad", { latency }));
  }
  if (vdis.some((vdi) => vdi.SR === sr.$ref && vdi.type === "redo_log")) duties.push(t("sr-metadata"));
  return duties;
}

export function SrOverview({ object: sr }: Props): ReactNode {
  const { t, bytes, number } = useI18n();
  const duties = useDuties(sr);
  const detached = useAll("PBD").filter((pbd) => pbd.SR === sr.$ref && !pbd.currently_attached);
  const size = Math.max(0, sr.physical_size);
  const used = Math.max(0, sr.physical_utilisation);
  const ratio = size === 0 ? 0 : sr.virtual_allocation / size;
  // What disks may still grow by, as far as there is room for it.
  const promised = Math.min(Math.max(0, size - used), Math.max(0, sr.virtual_allocation - used));
  const share = (part: number): number => (size === 0 ? 0 : part / size);
  const parts = [
    { share: share(used), kind: "used" as const, label: t("memory-used", { size: bytes(used) }) },
    { share: share(promised), kind: "reserved" as const, label: t("sr-still-promised", { size: bytes(promised) }) },
  ];
  return (
    <div className="hv-columns">
      <Panel title={t("sr-capacity")}>
        <div className="hv-stack">
          <div className="hv-tile-value">{t("used-of", { used: bytes(used), total: bytes(size) })}</div>
          <Meter label={t("sr-capacity")} parts={parts} />
          <p className="hv-legend">
            <span className="hv-legend-used">{t("memory-used", { size: bytes(used) })}</span>
            <span className="hv-legend-reserved">{t("sr-still-promised", { size: bytes(promised) })}</span>
            <span className="hv-legend-free">{t("memory-free", { size: bytes(Math.max(0, size - used - promised)) })}</span>
          </p>
          {sr.virtual_allocation > size && size > 0 && <p className="hv-bad-text">{t("sr-overcommitted")}</p>}
          <p className="hv-muted">{t("sr-promised", { size: bytes(sr.virtual_allocation), ratio: number(ratio, 2) })}</p>
          {!isLibrary(sr) && <Trend sr={sr} />}
        </div>
      </Panel>
      <Panel title={t("vm-facts")}>
        <Facts
          facts={[
            ["column-description", sr.name_description],
            ["column-type", sr.type],
            ["column-shared", t(sr.shared ? "shared-yes" : "shared-no")],
            ["sr-duties", duties.length === 0 ? t("sr-duty-none") : duties.map((duty) => <div key={duty}>{duty}</div>)],
            ["tab-paths", detached.length === 0 ? t("sr-is-whole") : <span className="hv-bad-text">{t("sr-not-whole", { count: detached.length })}</span>],
            ["tab-disks", number(sr.VDIs.length)],
            ["column-uuid", <code key="uuid">{sr.uuid}</code>],
          ]}
        />
      </Panel>
    </div>
  );
}

export function SrHistory({ object: sr }: Props): ReactNode {
  const of = useMemo(() => ({ uuid: sr.uuid, name: sr.name_label }), [sr.uuid, sr.name_label]);
  return <Timeline of={of} />;
}
