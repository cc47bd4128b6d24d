// The host's own login, in a terminal; who may not have it, or why there is none, is told instead.
import { Alert, Button } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { haven as cliOf } from "@/actions/cli";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { Answer } from "@/ui/Retry";
import { Pill } from "@/ui/status";
import type { LineState } from "./HostTerminal";

const HostTerminal = lazy(() => import("./HostTerminal"));

const COLOURS: Record<LineState, "green" | "grey" | "orange"> = { connecting: "grey", connected: "green", closed: "orange" };

export default function HostConsole({ object: host }: { object: Item<"host"> }): ReactNode {
  const { t } = useI18n();
  const state = useQuery({ queryKey: ["host-console", host.uuid], queryFn: ({ signal }) => haven.hostConsole(host.uuid, signal), retry: false, staleTime: Infinity, gcTime: 0 });
  return (
    <div className="hv-stack">
      <Answer query={state}>
        {({ refusal }) =>
          refusal === null ? (
            <Line host={host} />
          ) : (
            <Alert isInline variant="info" title={t(`hostconsole-${refusal.replaceAll("_", "-")}`)}>
              <p>{t(`hostconsole-${refusal.replaceAll("_", "-")}-body`)}</p>
              <Button variant="link" isInline onClick={() => void state.refetch()}>
                {t("try-again")}
              </Button>
            </Alert>
          )
        }
      </Answer>
      <CliLines lines={[cliOf("host", "console", host.name_label)]} />
    </div>
  );
}

function Line({ host }: { host: Item<"host"> }): ReactNode {
  const { t } = useI18n();
  // Nothing is opened before somebody wants it: each one stands in the history of the host.
  const [visit, setVisit] = useState(0);
  const [line, setLine] = useState<LineState>("connecting");
  const open = (): void => {
    setLine("connecting");
    setVisit(visit + 1);
  };
  return (
    <div className="hv-stack">
      <p>{t("hostconsole-about")}</p>
      {visit > 0 && (
        <div className="hv-line" role="status">
          <Pill colour={COLOURS[line]}>{t(`hostconsole-${line}`)}</Pill>
        </div>
      )}
      {(visit === 0 || line === "closed") && (
        <div className="hv-buttons">
          <Act blocked={undefined} onClick={open}>
            {t(visit === 0 ? "vm-screen-open" : "hostconsole-again")}
          </Act>
        </div>
      )}
      {visit > 0 && (
        <Suspense fallback={null}>
          <HostTerminal key={visit} host={host.uuid} label={t("hostconsole-of", { host: host.name_label })} onLine={setLine} />
        </Suspense>
      )}
    </div>
  );
}
