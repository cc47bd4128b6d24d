// Hosts in no pool that made themselves known in the networks of the coordinator.
import { Button } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { haven, type WaitingHost } from "@/api/haven";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { NewHost } from "./NewHost";

/** How often it is asked who waits, in milliseconds. */
const ASK_MS = 3000;

export function Waiting(): ReactNode {
  const { t } = useI18n();
  // Those that were opened stay when they have joined: their networks come then.
  const [open, setOpen] = useState<readonly WaitingHost[]>([]);
  const query = useQuery({ queryKey: ["waiting-hosts"], queryFn: ({ signal }) => haven.waiting(signal), refetchInterval: ASK_MS, staleTime: ASK_MS });
  // One that has joined meanwhile may still be heard for a moment.
  const members = useAll("host");
  const isMember = (host: WaitingHost): boolean => members.some((member) => member.address === host.address);
  const isOpen = (host: WaitingHost): boolean => open.some((each) => each.host === host.host);
  const hosts = [...open, ...(query.data?.hosts ?? []).filter((host) => !isOpen(host) && !isMember(host))];
  return (
    <Panel title={t("waiting-title")}>
      {hosts.length === 0 && <p className="hv-muted">{t("waiting-none")}</p>}
      <ul className="hv-new-hosts">
        {hosts.map((host) => (
          <li key={host.host} data-waiting={host.name}>
            <div className="hv-line">
              <strong>{host.name}</strong>
              <span className="hv-muted">
                {host.address} · {t("waiting-version", { version: host.version })}
              </span>
              {!isOpen(host) && (
                <Button variant="secondary" size="sm" aria-label={t("waiting-choose-of", { host: host.name })} onClick={() => setOpen([...open, host])}>
                  {t("waiting-choose")}
                </Button>
              )}
            </div>
            {isOpen(host) && <NewHost address={host.address} />}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
