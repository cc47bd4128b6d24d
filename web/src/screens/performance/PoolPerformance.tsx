// What all hosts use together, and machines beside each other.
import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { type ReactNode, useMemo } from "react";
import { useI18n } from "@/i18n";
import { type Item, useAll, useTable } from "@/store/hooks";
import { useChoice } from "@/ui/useParam";
import { Compare } from "./Compare";
import { Performance } from "./Performance";
import type { Subject } from "./rrd";

const VIEWS = ["hosts", "machines"] as const;

export default function PoolPerformance({ object: pool }: { object: Item<"pool"> }): ReactNode {
  const { t } = useI18n();
  const [view, setView] = useChoice("of", VIEWS);
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const live = hosts.filter((host) => metrics.byRef.get(host.metrics)?.live === true);
  // Hosts change all the time; who is asked changes seldom.
  const asked = JSON.stringify(live.map((host) => ({ uuid: host.uuid, name: host.name_label, cpus: Number(host.cpu_info["cpu_count"] ?? 1) })));
  const subject = useMemo<Subject>(() => ({ kind: "pool", uuid: pool.uuid, hosts: JSON.parse(asked) as Subject["hosts"] }), [pool.uuid, asked]);
  return (
    <div className="hv-stack">
      <ToggleGroup aria-label={t("compare-view")}>
        {VIEWS.map((each) => (
          <ToggleGroupItem key={each} buttonId={`of-${each}`} text={t(`compare-view-${each}`)} isSelected={view === each} onChange={() => setView(each)} />
        ))}
      </ToggleGroup>
      {view === "machines" ? <Compare hosts={subject.hosts} /> : <Performance subject={subject} name={pool.name_label} />}
    </div>
  );
}
