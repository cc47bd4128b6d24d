// The large sign of the pool: protected or not, what that means, and what to do about it.
import { Card, CardBody } from "@patternfly/react-core";
import ShieldIcon from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import type { ReactNode } from "react";
import { Link, useNavigate } from "react-router";
import type { HaStatus } from "@/api/haven";
import { useI18n } from "@/i18n";
import { restartable, usePoolProtection } from "@/model/ha";
import { carriesProtection } from "@/model/storage";
import { useAll, usePool, useTable, useVms } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Meter } from "@/ui/bits";
import { LastDrill, PauseNotice } from "../availability/Drills";

/** Why protection cannot be turned on yet: a message; undefined: it can. */
export function useCannotProtect(): string | undefined {
  const hosts = useAll("host");
  const srs = useAll("SR");
  if (hosts.length < 2) return "protect-needs-hosts";
  if (!srs.some(carriesProtection)) return "protect-needs-storage";
  return undefined;
}

interface Props {
  status: HaStatus | undefined;
  /** Whether it stands on the page that it would lead to. */
  isThere?: boolean;
}

export function ProtectionTile({ status, isThere = false }: Props): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const protection = usePoolProtection();
  const blocked = useCannotProtect();
  const metrics = useTable("host_metrics");
  // A host that is lost already cannot be lost once more.
  const hosts = useAll("host").filter((host) => metrics.byRef.get(host.metrics)?.live === true).length;
  const pool = usePool();
  const protectedVms = restartable(useVms());
  const sure = protectedVms.filter((vm) => vm.ha_restart_priority === "restart").length;
  const possible = pool?.ha_enabled === true ? (status?.tolerance.possible ?? pool.ha_plan_exists_for) : 0;
  const args = { possible, hosts, sure, tried: protectedVms.length - sure, wanted: pool?.ha_host_failures_to_tolerate ?? 0 };
  return (
    <Card className={`hv-protection hv-protection-${protection}`}>
      <CardBody>
        <span className="hv-shield" aria-hidden="true">
          <ShieldIcon />
        </span>
        <div className="hv-protection-text">
          <h2>{t(`pool-protection-${protection}`)}</h2>
          <p>{t(`pool-protection-${protection}-body`, args)}</p>
          {protection !== "off" && <LastDrill />}
          <PauseNotice />
          {protection !== "off" && <MemoryMeter failures={pool?.ha_host_failures_to_tolerate ?? 0} />}
          <div className="hv-buttons">
            {protection === "off" ? (
              <Act blocked={blocked === undefined ? undefined : t(blocked)} onClick={() => void navigate("/protect")}>
                {t("protect-turn-on")}
              </Act>
            ) : isThere ? null : (
              <Link to="/pool/availability">{t("see-availability")}</Link>
            )}
            {protection === "off" && blocked !== undefined && <span className="hv-muted">{t(blocked)}</span>}
          </div>
        </div>
      </CardBody>
    </Card>
  );
}

/** Memory of the pool: used, kept for the failure of the largest hosts, free. */
function MemoryMeter({ failures }: { failures: number }): ReactNode {
  const { t, bytes } = useI18n();
  const metrics = useTable("host_metrics");
  const live = [...metrics.byRef.values()].filter((row) => row.live && row.memory_total > 0);
  const total = live.reduce((sum, row) => sum + row.memory_total, 0);
  if (total === 0) return null;
  const used = live.reduce((sum, row) => sum + row.memory_total - row.memory_free, 0);
  const sizes = live.map((row) => row.memory_total).sort((a, b) => b - a);
  const kept = Math.min(total - used, sizes.slice(0, failures).reduce((sum, size) => sum + size, 0));
  const free = Math.max(0, total - used - kept);
  return (
    <>
      <Meter
        label={t("column-memory")}
        parts={[
          { share: used / total, kind: "used", label: t("memory-used", { size: bytes(used) }) },
          { share: kept / total, kind: "reserved", label: t("memory-kept", { size: bytes(kept) }) },
        ]}
      />
      <p className="hv-legend">
        <span className="hv-legend-used">{t("memory-used", { size: bytes(used) })}</span>
        <span className="hv-legend-reserved">{t("memory-kept", { size: bytes(kept) })}</span>
        <span className="hv-legend-free">{t("memory-free", { size: bytes(free) })}</span>
      </p>
    </>
  );
}
