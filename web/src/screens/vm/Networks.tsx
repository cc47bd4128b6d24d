// The network interfaces of a machine.
import type { ReactNode } from "react";
import { Link } from "react-router";
import { ActionButton } from "@/actions/ActionButton";
import { useI18n } from "@/i18n";
import { type Item, useAll, useLoaded, useObject, useTable } from "@/store/hooks";
import { Nothing, Panel } from "@/ui/bits";
import { pathOf } from "@/ui/links";
import { Pill } from "@/ui/status";
import { ownName } from "@/ui/names";
import { addInterface, limitNic, moveNic, removeNic } from "./devices";
import { limitOf } from "./marks";

/** Addresses that the guest says an interface has: `0/ip`, `0/ipv4/0`, `0/ipv6/1`. */
function addressesOf(networks: Record<string, string> | undefined, device: string): string {
  const own = Object.entries(networks ?? {}).filter(([key]) => key.startsWith(`${device}/`));
  return [...new Set(own.map(([, address]) => address))].join(", ");
}

export default function Networks({ object: vm }: { object: Item<"VM"> }): ReactNode {
  const { t, bytes } = useI18n();
  const networks = useTable("network");
  const guest = useObject("VM_guest_metrics", vm.guest_metrics);
  const vifs = useAll("VIF").filter((vif) => vif.VM === vm.$ref).sort((a, b) => Number(a.device) - Number(b.device));
  const loaded = useLoaded("VIF");
  return (
    <Panel title={t("tab-networks")}>
      <div className="hv-buttons">
        <ActionButton action={addInterface} target={vm} />
      </div>
      {loaded && vifs.length === 0 && <Nothing title="vm-no-interfaces" body="vm-no-interfaces-body" />}
      {vifs.length > 0 && <table className="hv-matrix">
        <thead>
          <tr>
            <th scope="col">{t("column-device")}</th>
            <th scope="col">{t("kind-network")}</th>
            <th scope="col">{t("nic-mac")}</th>
            <th scope="col">{t("vm-addresses")}</th>
            <th scope="col">{t("column-limit")}</th>
            <th scope="col">{t("column-state")}</th>
            <th scope="col">{t("actions")}</th>
          </tr>
        </thead>
        <tbody>
          {vifs.map((vif) => {
            const network = networks.byRef.get(vif.network);
            const label = (action: string): string => t("snap-action-of", { action: t(action), name: vif.MAC });
            return (
              <tr key={vif.$ref}>
                <th scope="row">{vif.device}</th>
                <td>{network === undefined ? "–" : <Link to={pathOf("network", network.uuid)}>{ownName(network, t)}</Link>}</td>
                <td>
                  <code>{vif.MAC}</code>
                </td>
                <td>{addressesOf(guest?.networks, vif.device) || "–"}</td>
                <td>{limitOf(vif) > 0 ? t("perf-per-second", { value: bytes(limitOf(vif) * 2 ** 20) }) : "–"}</td>
                <td>
                  <Pill colour={vif.currently_attached ? "green" : "grey"}>{t(vif.currently_attached ? "sr-attached" : "sr-detached")}</Pill>
                </td>
                <td>
                  <ActionButton action={moveNic} target={vif} variant="link" label={label(moveNic.label)} />
                  <ActionButton action={limitNic} target={vif} variant="link" label={label(limitNic.label)} />
                  <ActionButton action={removeNic} target={vif} variant="link" label={label(removeNic.label)} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>}
    </Panel>
  );
}
