// W3: which storage a host reaches, how, and how full it is; what it does not reach can be repaired here.
import type { ReactNode } from "react";
import { Link } from "react-router";
import { haven as cliOf } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Item, useAll, useObject, useTable } from "@/store/hooks";
import { waitForTask } from "@/store/taskWatch";
import { Act } from "@/ui/Act";
import { HeadRow, Meter, Nothing, Panel, SrLink } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { Pill } from "@/ui/status";
import { useWork } from "@/ui/useWork";

export default function HostStorage({ object: host }: { object: Item<"host"> }): ReactNode {
  const { t } = useI18n();
  const srs = useTable("SR");
  const pbds = useAll("PBD").filter((pbd) => pbd.host === host.$ref);
  const lost = pbds.filter((pbd) => !pbd.currently_attached);
  if (pbds.length === 0) {
    return (
      <Nothing title="no-storage" body="no-storage-body">
        <Link to="/new/storage">{t("new-storage")}</Link>
      </Nothing>
    );
  }
  return (
    <Panel title={t("tab-storage")}>
      <div className="hv-stack">
        <section className="hv-scroll" tabIndex={0} aria-label={t("tab-storage")}>
          <table className="hv-matrix">
            <HeadRow labels={["kind-sr", "column-type", "column-state", "sr-where", "column-used", "sr-remedy"]} />
            <tbody>
              {pbds.map((pbd) => (
                <Row key={pbd.$ref} pbd={pbd} host={host} />
              ))}
            </tbody>
          </table>
        </section>
        <CliLines lines={lost.map((pbd) => cliOf("sr", "repair", srs.byRef.get(pbd.SR)?.name_label ?? "SR"))} />
      </div>
    </Panel>
  );
}

function Row({ pbd, host }: { pbd: Item<"PBD">; host: Item<"host"> }): ReactNode {
  const { t, bytes } = useI18n();
  const world = useWorld();
  const sr = useObject("SR", pbd.SR);
  const live = useObject("host_metrics", host.metrics)?.live === true;
  const { busy, error, run } = useWork();
  const { server, serverpath, location } = pbd.device_config;
  const size = Math.max(0, sr?.physical_size ?? 0);
  const used = Math.max(0, sr?.physical_utilisation ?? 0);
  const of = t("used-of", { used: bytes(used), total: bytes(size) });
  return (
    <>
      <tr data-sr={sr?.name_label} data-attached={pbd.currently_attached}>
        <th scope="row">
          <SrLink sr={pbd.SR} />
        </th>
        <td>{sr?.type}</td>
        <td>
          <Pill colour={pbd.currently_attached ? "green" : "red"}>{t(pbd.currently_attached ? "sr-attached" : "sr-detached")}</Pill>
        </td>
        <td>
          <code>{[server, serverpath ?? location].filter((part) => part !== undefined).join(":")}</code>
        </td>
        <td>
          <Meter label={t("column-used")} parts={[{ share: size === 0 ? 0 : used / size, kind: "used", label: of }]} />
          <span className="hv-muted">{of}</span>
        </td>
        <td>
          {pbd.currently_attached ? (
            "–"
          ) : (
            <Act
              variant="secondary"
              size="sm"
              isLoading={busy}
              blocked={busy ? t("busy") : live ? undefined : t("sr-host-away")}
              aria-label={t("sr-repair-on", { sr: sr?.name_label ?? "", host: host.name_label })}
              onClick={() =>
                run(async () => {
                  await waitForTask(world.client, await start("PBD.plug", pbd.$ref));
                })
              }
            >
              {t("sr-repair-here")}
            </Act>
          )}
        </td>
      </tr>
      {error !== null && (
        <tr>
          <td colSpan={6}>
            <ErrorView error={error} />
          </td>
        </tr>
      )}
    </>
  );
}
