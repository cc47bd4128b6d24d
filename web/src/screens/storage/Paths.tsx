// W5: how every host reaches it, with what can be done where one does not.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { haven as cliOf } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { haven, type StorageTest } from "@/api/haven";
import { start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Item, useAll, useTable } from "@/store/hooks";
import { isLibrary } from "@/model/storage";
import { waitForTask } from "@/store/taskWatch";
import { HeadRow, HostLink, Panel, SpeedCells } from "@/ui/bits";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView, useWireText } from "@/ui/ErrorView";
import { Pill } from "@/ui/status";
import { useWork } from "@/ui/useWork";

function placeOf(pbd: Item<"PBD">): string {
  const { server, serverpath, location } = pbd.device_config;
  return [server, serverpath ?? location].filter((part) => part !== undefined).join(":");
}

export function SrPaths({ object: sr }: { object: Item<"SR"> }): ReactNode {
  const { t } = useI18n();
  const pbds = useAll("PBD").filter((pbd) => pbd.SR === sr.$ref);
  const [first] = pbds;
  const isIso = isLibrary(sr);
  const test = useQuery({
    queryKey: ["storage-test", sr.$ref],
    queryFn: ({ signal }) => haven.testStorage(sr.type, first?.device_config ?? {}, sr.shared, signal),
    enabled: false,
    gcTime: 0,
    retry: false,
  });
  const hosts = useTable("host");
  const tested = (pbd: Item<"PBD">): StorageTest | undefined => {
    const host = hosts.byRef.get(pbd.host);
    return test.isFetching ? undefined : test.data?.hosts.find((each) => each.host === host?.uuid);
  };
  return (
    <Panel title={t("tab-paths")}>
      <div className="hv-stack">
        <table className="hv-matrix">
          <HeadRow labels={["column-host", "column-state", "sr-where", "srtest-write", "srtest-throughput", "sr-remedy"]} />
          <tbody>
            {pbds.map((pbd) => (
              <PathRow key={pbd.$ref} pbd={pbd} sr={sr} test={tested(pbd)} />
            ))}
          </tbody>
        </table>
        {test.error !== null && <ErrorView error={test.error} />}
        {!isIso && (
          <div className="hv-buttons">
            <Act variant="secondary" isLoading={test.isFetching} blocked={test.isFetching ? t("srtest-runs") : first === undefined ? t("sr-detached") : undefined} onClick={() => void test.refetch()}>
              {t(test.isFetching ? "srtest-runs" : "srtest-measure")}
            </Act>
            <span className="hv-muted">{t("srtest-measure-body")}</span>
          </div>
        )}
        {pbds.some((pbd) => !pbd.currently_attached) && <CliLines lines={[cliOf("sr", "repair", sr.name_label)]} />}
      </div>
    </Panel>
  );
}

function PathRow({ pbd, sr, test }: { pbd: Item<"PBD">; sr: Item<"SR">; test: StorageTest | undefined }): ReactNode {
  const { t } = useI18n();
  const world = useWorld();
  const wireText = useWireText();
  const host = useTable("host").byRef.get(pbd.host);
  const live = useTable("host_metrics").byRef.get(host?.metrics ?? "")?.live === true;
  const { busy, error, run } = useWork();
  const repair = (): void =>
    run(async () => {
      await waitForTask(world.client, await start("PBD.plug", pbd.$ref));
    });
  return (
    <>
      <tr data-host={host?.name_label}>
        <th scope="row">
          <HostLink host={pbd.host} />
        </th>
        <td>
          <Pill colour={pbd.currently_attached ? "green" : "red"}>{t(pbd.currently_attached ? "sr-attached" : "sr-detached")}</Pill>
        </td>
        <td>
          <code>{placeOf(pbd)}</code>
        </td>
        <SpeedCells test={test} />
        <td>
          {pbd.currently_attached ? (
            "–"
          ) : live ? (
            <Act variant="secondary" size="sm" isLoading={busy} blocked={busy ? t("busy") : undefined} aria-label={t("sr-repair-on", { sr: sr.name_label, host: host?.name_label ?? "" })} onClick={repair}>
              {t("sr-repair-here")}
            </Act>
          ) : (
            t("sr-host-away")
          )}
        </td>
      </tr>
      {(error !== null || test?.error !== undefined || test?.same_place === false) && (
        <tr>
          <td colSpan={6}>
            {error !== null && <ErrorView error={error} />}
            {test?.error !== undefined && <p className="hv-bad-text">{wireText(test.error)}</p>}
            {test?.same_place === false && <p className="hv-bad-text">{t("srtest-other-place")}</p>}
          </td>
        </tr>
      )}
    </>
  );
}
