// Hosts in no pool that were found in the network of the coordinator: several are chosen at once, each with its code.
import { Checkbox } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { haven as cliOf } from "@/actions/cli";
import { haven, type WaitingHost } from "@/api/haven";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { NewHost } from "./NewHost";
import { useTrials } from "./trials";

/** How often it is asked who waits, in milliseconds. */
const ASK_MS = 3000;

export function Waiting(): ReactNode {
  const { t } = useI18n();
  const { all } = useTrials();
  // Those that were chosen stay when they have joined: their networks come then.
  const [chosen, setChosen] = useState<readonly WaitingHost[]>([]);
  const query = useQuery({ queryKey: ["waiting-hosts"], queryFn: ({ signal }) => haven.waiting(signal), refetchInterval: ASK_MS, staleTime: ASK_MS });
  // One that has joined meanwhile may still be heard for a moment.
  const members = useAll("host");
  const isMember = (host: WaitingHost): boolean => members.some((member) => member.address === host.address);
  const isChosen = (host: WaitingHost): boolean => chosen.some((each) => isSame(each, host));
  const hasJoined = (host: WaitingHost): boolean => all.get(host.address)?.joined !== undefined;
  const hosts = [...chosen, ...(query.data?.hosts ?? []).filter((host) => !isChosen(host) && !isMember(host))];
  const choose = (host: WaitingHost, on: boolean): void => setChosen(on ? [...chosen, host] : chosen.filter((each) => !isSame(each, host)));
  return (
    <Panel title={t("waiting-title")}>
      {hosts.length === 0 && <p className="hv-muted">{t("waiting-none")}</p>}
      <ul className="hv-new-hosts">
        {hosts.map((host) => (
          <li key={`${host.host} ${host.address}`} data-waiting={host.name}>
            <Checkbox
              id={`waiting-${host.host}-${host.address}`}
              aria-label={t("waiting-choose-of", { host: host.name })}
              label={host.name}
              description={`${host.address} · ${t("waiting-version", { version: host.version })}`}
              isChecked={isChosen(host)}
              isDisabled={hasJoined(host)}
              onChange={(_event, on) => choose(host, on)}
            />
            {isChosen(host) && <NewHost address={host.address} announced={host.fingerprint} />}
          </li>
        ))}
      </ul>
      <CliLines lines={[cliOf("host", "find")]} />
    </Panel>
  );
}

const isSame = (one: WaitingHost, other: WaitingHost): boolean => one.host === other.host && one.address === other.address;
