// What the pool is called, and over which network its machines move.
import { Form, FormGroup, FormSelect, FormSelectOption } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { xe } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { chosenForMoves, MOVE_NETWORK, useMoveNetworks } from "@/model/moves";
import type { Item } from "@/store/hooks";
import { Help, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { NameSettings } from "@/ui/NameSettings";
import { SaveRow } from "@/ui/SaveRow";
import { useWork } from "@/ui/useWork";
import { PoolSwitch } from "./PoolSwitch";

export default function PoolSettings({ object: pool }: { object: Item<"pool"> }): ReactNode {
  return (
    <div className="hv-stack">
      <NameSettings of="pool" object={pool} />
      <MoveNetwork pool={pool} />
      <PoolSwitch pool={pool} entry="haven_discovery" words="discovery" />
      <PoolSwitch pool={pool} entry="haven_host_console" words="hostconsole" />
    </div>
  );
}

function MoveNetwork({ pool }: { pool: Item<"pool"> }): ReactNode {
  const { t } = useI18n();
  const networks = useMoveNetworks();
  const now = chosenForMoves(pool, networks)?.network.uuid ?? "";
  const [typed, setTyped] = useState<string | null>(null);
  const { busy, error, run } = useWork(() => setTyped(null));
  const wanted = typed ?? now;
  const others = networks.filter(({ isManagement }) => !isManagement);
  const blocked = busy ? t("busy") : wanted === now ? t(others.length === 0 ? "move-network-none" : "settings-unchanged") : undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (blocked !== undefined) return;
    run(async () => {
      await call("pool.remove_from_other_config", pool.$ref, MOVE_NETWORK);
      if (wanted !== "") await call("pool.add_to_other_config", pool.$ref, MOVE_NETWORK, wanted);
    });
  };
  const line = wanted === "" ? xe("pool-param-remove", { uuid: pool.uuid, "param-name": "other-config", "param-key": MOVE_NETWORK }) : xe("pool-param-set", { uuid: pool.uuid, [`other-config:${MOVE_NETWORK}`]: wanted });
  return (
    <Panel title={t("vm-migrate-network")}>
      <Form onSubmit={submit}>
        <FormGroup label={t("move-network")} fieldId="move-network">
          <FormSelect id="move-network" value={wanted} onChange={(_event, value) => setTyped(value)}>
            <FormSelectOption value="" label={t("vm-migrate-network-management")} />
            {others.map(({ network, hosts }) => (
              <FormSelectOption key={network.uuid} value={network.uuid} label={t("move-network-of", { network: network.name_label, count: hosts.size })} />
            ))}
          </FormSelect>
          <Help>{t("move-network-body")}</Help>
        </FormGroup>
        {error !== null && <ErrorView error={error} />}
        {wanted !== now && <CliLines lines={[line]} />}
        <SaveRow blocked={blocked} busy={busy} />
      </Form>
    </Panel>
  );
}
