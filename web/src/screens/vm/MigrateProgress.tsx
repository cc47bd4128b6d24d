// W11: how far a move is, against what it runs, and what was measured when it was over.
import { Alert, Progress } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { wireTime } from "@/i18n/format";
import { useObject } from "@/store/hooks";
import { Facts } from "@/ui/bits";
import { useNow } from "@/ui/useNow";

/** How often the pool is asked how far it is, in milliseconds. */
const ASK_MS = 1000;

/** Milliseconds, milliseconds, bytes; undefined: not measured. */
export type Done = Record<"pause" | "elapsed" | "bytes", number | undefined>;

export function Moving({ vm, host, task }: { vm: string; host: string; task: string | undefined }): ReactNode {
  const { t, duration, bytes, number, percent } = useI18n();
  const row = useObject("task", task);
  const now = useNow(ASK_MS);
  const asked = useQuery({ queryKey: ["moving"], queryFn: ({ signal }) => haven.moving(signal), refetchInterval: ASK_MS, gcTime: 0 });
  const flow = asked.data?.find((each) => each.vm === vm);
  const share = row?.progress ?? 0;
  const begun = wireTime(row?.created);
  const elapsed = begun > 0 ? Math.max(0, (now - begun) / 1000) : 0;
  // What is left of the way at the speed so far; at the very beginning nobody knows.
  const left = share > 0.05 && elapsed > 1 ? (elapsed / share) * (1 - share) : undefined;
  const rate = (value: number): string => t("perf-per-second", { value: bytes(value) });
  const isBehind = flow !== undefined && flow.transfer_bytes_s > 0 && flow.dirty_bytes_s >= flow.transfer_bytes_s;
  return (
    <div className="hv-stack">
      <Progress title={t("vm-migrating", { host })} value={Math.round(share * 100)} />
      <p className="hv-muted" role="status">
        {t("vm-migrate-elapsed", { elapsed: duration(elapsed) })} {left !== undefined && t("vm-migrate-left", { left: duration(left) })}
      </p>
      {flow !== undefined && flow.iteration > 0 && (
        <Facts
          facts={[
            ["vm-migrate-pass", number(flow.iteration)],
            ["vm-migrate-transfer", flow.transfer_bytes_s > 0 ? rate(flow.transfer_bytes_s) : undefined],
            ["vm-migrate-dirty", flow.iteration > 1 || flow.dirty_bytes_s > 0 ? rate(flow.dirty_bytes_s) : undefined],
            ["vm-migrate-rest", bytes(flow.remaining_bytes)],
            ["vm-migrate-pause", flow.pause_ms > 0 ? t("milliseconds", { value: number(flow.pause_ms) }) : undefined],
            ["vm-migrate-slowed", flow.slowed_percent > 0 ? percent(flow.slowed_percent / 100) : undefined],
          ]}
        />
      )}
      {isBehind && <p className="hv-bad-text">{t("vm-migrate-behind")}</p>}
    </div>
  );
}

export function Arrived({ host, done }: { host: string; done: Done }): ReactNode {
  const { t } = useI18n();
  return <Measured title={t("vm-migrated", { host })} testId="migrated" done={done} />;
}

/** What is over, and what it took. */
export function Measured({ title, testId, done }: { title: string; testId: string; done: Done }): ReactNode {
  const { t, number, duration, bytes } = useI18n();
  return (
    <Alert isInline variant="success" title={title} data-testid={testId}>
      <Facts
        facts={[
          ["vm-migrated-pause", done.pause === undefined ? undefined : <strong key="pause">{t("milliseconds", { value: number(done.pause) })}</strong>],
          ["vm-migrated-elapsed", done.elapsed === undefined ? undefined : duration(done.elapsed / 1000)],
          ["vm-migrated-bytes", done.bytes === undefined || done.bytes === 0 ? undefined : bytes(done.bytes)],
        ]}
      />
    </Alert>
  );
}
