// A place as every host reaches it, before anything is created.
import { Spinner } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { StorageTest, StorageTried } from "@/api/haven";
import { useI18n } from "@/i18n";
import { Act } from "@/ui/Act";
import { HeadRow, SpeedCells } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView, useWireText } from "@/ui/ErrorView";
import { Pill } from "@/ui/status";

/** A clock that is further off spoils what depends on times of files, in milliseconds. */
const CLOCK_OFF_MS_MAX = 2000;
/** A write that takes longer makes a poor place for heartbeats, in microseconds. */
const WRITE_SLOW_US = 100_000;

export function TestStep({ query, cli, isLibrary }: { query: UseQueryResult<StorageTried>; cli: string; isLibrary: boolean }): ReactNode {
  const { t } = useI18n();
  const { data, error, isFetching } = query;
  return (
    <div className="hv-stack">
      <p>{t(isLibrary ? "srtest-body-library" : "srtest-body")}</p>
      {isFetching && (
        <p className="hv-line" role="status">
          <Spinner size="md" aria-label={t("loading")} /> {t("srtest-runs")}
        </p>
      )}
      {error !== null && !isFetching && <ErrorView error={error} />}
      {data !== undefined && !isFetching && (
        <section className="hv-scroll" tabIndex={0} aria-label={t("newsr-step-test")}>
        <table className="hv-matrix" aria-label={t("newsr-step-test")}>
          <HeadRow labels={["column-host", "column-state", "srtest-write", "srtest-throughput", "srtest-clock-off", "column-free"]} />
          <tbody>
            {data.hosts.map((host) => (
              <Row key={host.host} host={host} isLibrary={isLibrary} />
            ))}
          </tbody>
        </table>
        </section>
      )}
      <div className="hv-buttons">
        <Act variant="secondary" blocked={isFetching ? t("srtest-runs") : undefined} onClick={() => void query.refetch()}>
          {t("srtest-again")}
        </Act>
      </div>
      <CliLines lines={[cli]} />
    </div>
  );
}

function Row({ host, isLibrary }: { host: StorageTest; isLibrary: boolean }): ReactNode {
  const { t, bytes, number } = useI18n();
  const measured = (value: number | null | undefined, show: (value: number) => string): string => (value === null || value === undefined ? "–" : show(value));
  return (
    <>
      <tr data-host={host.name} data-ok={host.ok}>
        <th scope="row">{host.name}</th>
        <td>
          <Pill colour={host.ok ? "green" : "red"}>{t(host.ok ? "srtest-ok" : "srtest-bad")}</Pill>
        </td>
        <SpeedCells test={host} />
        <td>{measured(host.clock_ms, (ms) => t("milliseconds", { value: number(ms) }))}</td>
        <td>{isLibrary ? measured(host.found?.length, (count) => t("srtest-images", { count })) : measured(host.size, (size) => bytes(size - (host.used ?? 0)))}</td>
      </tr>
      <Notes host={host} isLibrary={isLibrary} />
    </>
  );
}

/** What is wrong, or should be known: the cause, and what to do. */
function Notes({ host, isLibrary }: { host: StorageTest; isLibrary: boolean }): ReactNode {
  const { t, number } = useI18n();
  const wireText = useWireText();
  const notes: string[] = [];
  if (host.error !== undefined) notes.push(wireText(host.error));
  if (host.same_place === false) notes.push(t("srtest-other-place"));
  const [there] = isLibrary ? [] : (host.found ?? []);
  if (there !== undefined) notes.push(t("srtest-taken", { sr: there }));
  if (Math.abs(host.clock_ms ?? 0) > CLOCK_OFF_MS_MAX) notes.push(t("srtest-clock", { seconds: number((host.clock_ms ?? 0) / 1000, 1) }));
  if ((host.write_us ?? 0) > WRITE_SLOW_US) notes.push(t("srtest-slow"));
  if (notes.length === 0) return null;
  return (
    <tr>
      <td colSpan={6} className={host.ok ? "hv-muted" : "hv-bad-text"}>
        {notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </td>
    </tr>
  );
}
