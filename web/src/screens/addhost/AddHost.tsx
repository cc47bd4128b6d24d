// One page: a token that serves once, what to do with it on the new host, the hosts as they come, the
// same for several addresses, and all that were checked beside each other.
import { Button, ClipboardCopy, Content, PageSection, Spinner, Title } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { Link } from "react-router";
import { haven as cliOf } from "@/actions/cli";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { type Item, useAll } from "@/store/hooks";
import { Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { pathOf } from "@/ui/links";
import { Answer } from "@/ui/Retry";
import { HostPill } from "@/ui/status";
import { ByAddress } from "./ByAddress";
import { Review } from "./Review";
import { type Trial, type Trials, TrialsContext } from "./trials";
import { Waiting } from "./Waiting";

export default function AddHost(): ReactNode {
  const { t, time } = useI18n();
  const [serial, setSerial] = useState(0);
  // A new visit gets a new token: the old one may be used up.
  const [visit] = useState(() => Date.now());
  const token = useQuery({
    queryKey: ["join-token", visit, serial],
    queryFn: () => haven.joinToken(),
    staleTime: Infinity,
    gcTime: 0,
  });
  const [all, setAll] = useState<ReadonlyMap<string, Trial>>(new Map());
  const trials = useMemo<Trials>(() => ({ all, set: (address, trial) => setAll((before) => new Map(before).set(address, trial)) }), [all]);
  return (
    <TrialsContext value={trials}>
      <PageSection isFilled hasBodyWrapper={false} className="hv-stack">
        <Title headingLevel="h1">{t("add-host")}</Title>
        <div className="hv-overview">
          <Panel title={t("add-host-token")}>
            <Answer query={token}>
              {(made) => (
                <div className="hv-stack">
                  <ClipboardCopy isReadOnly isCode hoverTip={t("copy")} clickTip={t("copied")} textAriaLabel={t("add-host-token")} id="token">
                    {made.token}
                  </ClipboardCopy>
                  <p className="hv-muted">{t("add-host-token-body", { until: time(made.expires_ms) })}</p>
                  <ol className="hv-numbered">
                    <li>{t("add-host-step-install")}</li>
                    <li>
                      {t("add-host-step-open")} <code>sudo haven web</code>
                    </li>
                    <li>{t("add-host-step-paste")}</li>
                  </ol>
                  <CliLines lines={[cliOf("pool", "join", made.token)]} />
                  <Button variant="link" isInline onClick={() => setSerial(serial + 1)}>
                    {t("add-host-another")}
                  </Button>
                </div>
              )}
            </Answer>
          </Panel>
          <div className="hv-stack">
            <Arrivals />
            <Waiting />
            <ByAddress />
          </div>
        </div>
        <Review />
        <Content component="p">
          <Link to="/">{t("to-the-pool")}</Link>
        </Content>
      </PageSection>
    </TrialsContext>
  );
}

/** The hosts of the pool; new ones appear by themselves. */
function Arrivals(): ReactNode {
  const { t } = useI18n();
  const hosts = useAll("host");
  const [before] = useState(() => new Set(hosts.map((host) => host.$ref)));
  const isNew = (host: Item<"host">): boolean => !before.has(host.$ref);
  const arrived = hosts.some(isNew);
  return (
    <Panel title={t("add-host-hosts")}>
      <ul className="hv-arrivals">
        {hosts.map((host) => (
          <li key={host.$ref} data-new={isNew(host)}>
            <Link to={pathOf("host", host.uuid)}>{host.name_label}</Link>
            <span className="hv-muted">{host.address}</span>
            <HostPill host={host} />
            {isNew(host) && <strong>{t("add-host-arrived")}</strong>}
          </li>
        ))}
      </ul>
      <p className="hv-line hv-muted" role="status">
        {!arrived && <Spinner size="md" aria-label={t("loading")} />} {t(arrived ? "add-host-more" : "add-host-waiting")}
      </p>
    </Panel>
  );
}
