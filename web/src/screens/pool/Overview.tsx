// W2: how the pool is, in one look: size, load, protection, what asks for somebody, what is next.
import { Button, Card, CardBody, CardTitle } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import CircleIcon from "@patternfly/react-icons/dist/esm/icons/circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link, useNavigate } from "react-router";
import { TaskLine } from "@/app/TaskDrawer";
import { isRunning } from "@/app/tasks";
import { useI18n } from "@/i18n";
import { useHaStatus } from "@/model/ha";
import { type Problem, useProblems } from "@/model/readiness";
import { carriesProtection, isLibrary } from "@/model/storage";
import { type Item, useAll, useLoaded, usePool, useTable, useVms } from "@/store/hooks";
import { Meter, Panel } from "@/ui/bits";
import { AlertLine } from "../alerts/AlertLine";
import { groupsOf } from "../alerts/groups";
import { useWaits } from "../alerts/standing";
import { load } from "../performance/rrd";
import { ProtectionTile } from "./ProtectionTile";

export function PoolOverview(): ReactNode {
  const status = useHaStatus();
  const problems = useProblems(status.data);
  return (
    <div className="hv-stack">
      <Tiles />
      <div className="hv-overview">
        <div className="hv-stack">
          <ProtectionTile status={status.data} />
          <Readiness problems={problems} />
        </div>
        <div className="hv-stack">
          <NextSteps />
          <LatestAlerts />
          <RunningTasks />
        </div>
      </div>
    </div>
  );
}

interface TileProps {
  label: string;
  value: ReactNode;
  detail: ReactNode;
  to: string;
  share?: number;
}

function Tile({ label, value, detail, to, share }: TileProps): ReactNode {
  const { t } = useI18n();
  return (
    <Card isCompact className="hv-tile">
      <CardTitle component="h2">
        <Link to={to}>{t(label)}</Link>
      </CardTitle>
      <CardBody>
        <div className="hv-tile-value">{value}</div>
        {share !== undefined && <Meter label={t(label)} parts={[{ share, kind: "used", label: String(value) }]} />}
        <div className="hv-muted">{detail}</div>
      </CardBody>
    </Card>
  );
}

/** How often the hosts are asked how busy they are, in milliseconds. */
const CPU_MS = 30_000;

/** How busy the processors of these hosts are together: the mean of the last minute; undefined: not known. */
function useCpu(hosts: ReadonlyArray<Item<"host">>): number | undefined {
  const sources = hosts.map((host) => ({ uuid: host.uuid, name: host.name_label, cpus: Number(host.cpu_info["cpu_count"] ?? 1) }));
  const query = useQuery({
    queryKey: ["pool-cpu", ...sources.map((source) => source.uuid)],
    queryFn: async ({ signal }) => {
      const { rows } = await load({ kind: "pool", uuid: "", hosts: sources }, "minutes", undefined, signal);
      const values = rows.slice(-CPU_ROWS).flatMap((row) => row.values.cpu ?? []);
      return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
    },
    enabled: sources.length > 0,
    refetchInterval: CPU_MS,
    retry: false,
  });
  return query.data ?? undefined;
}

/** Rows of five seconds that are one minute. */
const CPU_ROWS = 12;

function Tiles(): ReactNode {
  const { t, number, bytes, percent } = useI18n();
  const hosts = useAll("host");
  const metrics = useTable("host_metrics");
  const vms = useVms();
  const vmsLoaded = useLoaded("VM");
  // A library of CD images is no room for disks.
  const srs = useAll("SR").filter((sr) => !isLibrary(sr));
  const live = hosts.filter((host) => metrics.byRef.get(host.metrics)?.live === true);
  const memory = live.reduce((sum, host) => sum + (metrics.byRef.get(host.metrics)?.memory_total ?? 0), 0);
  const free = live.reduce((sum, host) => sum + (metrics.byRef.get(host.metrics)?.memory_free ?? 0), 0);
  const cpu = useCpu(live);
  const running = vms.filter((vm) => vm.power_state === "Running");
  const cores = live.reduce((sum, host) => sum + Number(host.cpu_info["cpu_count"] ?? 0), 0);
  const vcpus = running.reduce((sum, vm) => sum + vm.VCPUs_at_startup, 0);
  const size = srs.reduce((sum, sr) => sum + Math.max(0, sr.physical_size), 0);
  const used = srs.reduce((sum, sr) => sum + Math.max(0, sr.physical_utilisation), 0);
  return (
    <div className="hv-tiles">
      <Tile label="tab-hosts" to="/pool/hosts" value={`${number(live.length)} / ${number(hosts.length)}`} detail={t("hosts-live", { count: live.length })} />
      <Tile
        label="tab-vms"
        to="/pool/vms"
        value={vmsLoaded ? number(running.length) : "…"}
        detail={t("vms-running", { running: running.length, stopped: vms.length - running.length })}
      />
      <Tile
        label="tab-cpu"
        to="/pool/performance"
        value={cpu === undefined ? "–" : percent(cpu)}
        share={cpu ?? 0}
        detail={t("vcpus-on", { vcpus: number(vcpus), cores: number(cores) })}
      />
      <Tile
        label="column-memory"
        to="/pool/hosts"
        value={memory === 0 ? "–" : percent((memory - free) / memory)}
        share={memory === 0 ? 0 : (memory - free) / memory}
        detail={t("used-of", { used: bytes(memory - free), total: bytes(memory) })}
      />
      <Tile
        label="tab-storage"
        to="/pool/storage"
        value={size === 0 ? "–" : percent(used / size)}
        share={size === 0 ? 0 : used / size}
        detail={size === 0 ? t("no-storage") : t("used-of", { used: bytes(used), total: bytes(size) })}
      />
    </div>
  );
}

function Readiness({ problems }: { problems: readonly Problem[] }): ReactNode {
  const { t } = useI18n();
  return (
    <Panel title={t("readiness")}>
      {problems.length === 0 ? (
        <p className="hv-good">
          <CheckCircleIcon /> {t("readiness-good")}
        </p>
      ) : (
        <ul className="hv-problems">
          {problems.map((problem) => (
            <li key={problem.key} className={`hv-problem-${problem.severity}`}>
              {problem.severity === "danger" ? <ExclamationCircleIcon aria-label={t("severity-danger")} /> : <ExclamationTriangleIcon aria-label={t("warning")} />}
              <span>{t(problem.text, problem.args)}</span>
              <Link to={problem.to}>{t(problem.link)}</Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** The way from an empty pool to a protected machine; gone when it is walked. */
function NextSteps(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const hosts = useAll("host");
  const srs = useAll("SR");
  const vms = useVms();
  const pool = usePool();
  const loaded = useLoaded("VM");
  const steps = [
    { id: "host", isDone: hosts.length >= 2, to: "/new/host" },
    { id: "storage", isDone: srs.some(carriesProtection), to: "/new/storage" },
    { id: "vm", isDone: vms.length > 0, to: "/new/vm" },
    { id: "protect", isDone: pool?.ha_enabled === true, to: "/protect" },
  ];
  const next = steps.find((step) => !step.isDone);
  if (next === undefined || !loaded) return null;
  return (
    <Panel title={t("next-steps")}>
      <ol className="hv-steps">
        {steps.map((step) => (
          <li key={step.id} className={step.isDone ? "hv-step-done" : step === next ? "hv-step-next" : ""}>
            {step.isDone ? <CheckCircleIcon aria-label={t("step-done")} /> : <CircleIcon aria-label={t("step-open")} />}
            <div>
              <strong>{t(`step-${step.id}`)}</strong>
              <p className="hv-muted">{t(`step-${step.id}-body`)}</p>
            </div>
            {!step.isDone && (
              <Button data-step={step.id} variant={step === next ? "primary" : "secondary"} onClick={() => void navigate(step.to)}>
                {t(`step-${step.id}-do`)}
              </Button>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
}

const TASKS_MAX = 5;

/** What is being done right now; nothing where nothing is. */
function RunningTasks(): ReactNode {
  const { t } = useI18n();
  const tasks = useAll("task").filter(isRunning);
  if (tasks.length === 0) return null;
  return (
    <Panel title={t("tasks")}>
      <div className="hv-tasks-few" role="list" aria-label={t("tasks")}>
        {tasks.slice(0, TASKS_MAX).map((task) => (
          <div key={task.$ref} role="listitem">
            <TaskLine task={task} />
          </div>
        ))}
      </div>
      {tasks.length > TASKS_MAX && <Link to="/pool/history?show=task">{t("show-more", { count: tasks.length - TASKS_MAX })}</Link>}
    </Panel>
  );
}

const ALERTS_MAX = 6;

function LatestAlerts(): ReactNode {
  const { t } = useI18n();
  const all = useAll("message");
  const waits = useWaits();
  const alerts = useMemo(() => all.filter(waits), [all, waits]);
  const groups = useMemo(() => groupsOf(alerts, "kind"), [alerts]);
  return (
    <Panel title={t("alerts")}>
      {alerts.length === 0 ? (
        <p className="hv-good">
          <CheckCircleIcon /> {t("alerts-none")}
        </p>
      ) : (
        <>
          {groups.slice(0, ALERTS_MAX).map(({ key, alerts: [newest, ...older] }) => (
            <AlertLine key={key} alert={newest} more={older.length} />
          ))}
          <Link to="/alerts">{t("alerts-all", { count: alerts.length })}</Link>
        </>
      )}
    </Panel>
  );
}
