// W3: how a host is connected: its ports, and which networks of the pool it has. What a new host is
// without is connected here, or as the last step of adding it.
import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { ActionButton } from "@/actions/ActionButton";
import { xe } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { type Item, useAll, useObject } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { HeadRow, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { pathOf } from "@/ui/links";
import { ownName } from "@/ui/names";
import { inOrder } from "@/ui/order";
import { Pill } from "@/ui/status";
import { useWork } from "@/ui/useWork";
import { scanPorts } from "./actions";

interface Props {
  object: Item<"host">;
}

export default function HostNetworks({ object: host }: Props): ReactNode {
  const { t } = useI18n();
  return (
    <div className="hv-stack">
      <Ports host={host} />
      <Panel title={t("hostnet-pool")}>
        <PoolNetworks host={host} />
      </Panel>
    </div>
  );
}

function usePorts(host: Item<"host">): Array<Item<"PIF">> {
  const { language } = useI18n();
  return inOrder(useAll("PIF").filter((pif) => pif.host === host.$ref && pif.VLAN < 0), (pif) => pif.device, language);
}

function Ports({ host }: { host: Item<"host"> }): ReactNode {
  const { t } = useI18n();
  const ports = usePorts(host);
  return (
    <Panel title={t("host-interfaces")}>
      <div className="hv-stack">
        <table className="hv-matrix">
          <HeadRow labels={["hostnet-port", "hostnet-link", "nic-mac", "column-address", "kind-network"]} />
          <tbody>
            {ports.map((pif) => (
              <Port key={pif.$ref} pif={pif} />
            ))}
          </tbody>
        </table>
        {ports.length === 0 && <p className="hv-muted">{t("hostnet-no-ports")}</p>}
        <div className="hv-buttons">
          <ActionButton action={scanPorts} target={host} />
        </div>
      </div>
    </Panel>
  );
}

function Port({ pif }: { pif: Item<"PIF"> }): ReactNode {
  const { t, number } = useI18n();
  const network = useObject("network", pif.network);
  const link = useObject("PIF_metrics", pif.metrics);
  return (
    <tr>
      <th scope="row">
        {pif.device} {pif.management && <Pill colour="blue">{t("host-management")}</Pill>}
      </th>
      <td>
        {link === undefined ? (
          "–"
        ) : (
          <Pill colour={link.carrier ? "green" : "red"}>{link.carrier ? (link.speed > 0 ? t("hostnet-speed", { speed: number(link.speed) }) : t("hostnet-up")) : t("hostnet-down")}</Pill>
        )}
      </td>
      <td>
        <code>{pif.MAC}</code>
      </td>
      <td>{pif.IP === "" ? "–" : pif.IP}</td>
      <td>{network === undefined ? "–" : <Link to={pathOf("network", network.uuid)}>{ownName(network, t)}</Link>}</td>
    </tr>
  );
}

/** Every network of the pool: through which port the host has it, or how it gets it. */
export function PoolNetworks({ host }: { host: Item<"host"> }): ReactNode {
  const { t, language } = useI18n();
  const pifs = useAll("PIF");
  const networks = inOrder(useAll("network"), (network) => ownName(network, t), language);
  return (
    <table className="hv-matrix" aria-label={t("hostnet-pool")}>
      <HeadRow labels={["kind-network", "hostnet-vlan", "hostnet-here"]} />
      <tbody>
        {networks.map((network) => {
          const all = pifs.filter((pif) => pif.network === network.$ref);
          const mine = all.find((pif) => pif.host === host.$ref);
          const tag = all.find((pif) => pif.VLAN >= 0)?.VLAN;
          return (
            <tr key={network.$ref} data-network={network.uuid} data-here={mine !== undefined}>
              <th scope="row">
                <Link to={pathOf("network", network.uuid)}>{ownName(network, t)}</Link>
              </th>
              <td>{tag ?? "–"}</td>
              <td>
                {mine !== undefined ? (
                  <Pill colour="green">{t("hostnet-by", { port: mine.device })}</Pill>
                ) : tag !== undefined ? (
                  <Connect host={host} network={network} tag={tag} />
                ) : (
                  <span className="hv-muted">{t(all.length === 0 ? "hostnet-internal" : "hostnet-by-hand")}</span>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

interface ConnectProps {
  host: Item<"host">;
  network: Item<"network">;
  tag: number;
}

/** A VLAN network on one of the ports of a host that is without it. */
function Connect({ host, network, tag }: ConnectProps): ReactNode {
  const { t } = useI18n();
  const ports = usePorts(host);
  const { busy, error, run } = useWork();
  const [picked, setPicked] = useState<string | null>(null);
  // The port that the other hosts have it on is most likely the right one.
  const usual = useAll("PIF").find((pif) => pif.network === network.$ref)?.device;
  const port = ports.find((each) => each.$ref === picked) ?? ports.find((each) => each.device === usual) ?? ports[0];
  const connect = (): void =>
    run(async () => {
      await call("VLAN.create", port?.$ref ?? "", tag, network.$ref);
    });
  return (
    <div className="hv-stack">
      <div className="hv-buttons">
        <Pill colour="orange">{t("hostnet-missing")}</Pill>
        <FormSelect className="hv-choice" aria-label={t("hostnet-port-for", { network: ownName(network, t) })} value={port?.$ref ?? ""} onChange={(_event, ref) => setPicked(ref)}>
          {ports.map((each) => (
            <FormSelectOption key={each.$ref} value={each.$ref} label={each.device} />
          ))}
        </FormSelect>
        <Act variant="secondary" size="sm" isLoading={busy} blocked={busy ? t("busy") : port === undefined ? t("hostnet-no-ports") : undefined} aria-label={t("hostnet-connect-of", { network: ownName(network, t), host: host.name_label })} onClick={connect}>
          {t("hostnet-connect")}
        </Act>
      </div>
      <p className="hv-muted">{t("hostnet-connect-body")}</p>
      {error !== null && <ErrorView error={error} />}
      <CliLines lines={[xe("vlan-create", { "network-uuid": network.uuid, "pif-uuid": port?.uuid ?? "PIF", vlan: String(tag) })]} />
    </div>
  );
}
