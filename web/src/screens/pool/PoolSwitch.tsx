// Something of the whole pool that is on unless an entry of its other_config says `off`.
import { Switch } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { xe } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useT } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Help, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useWork } from "@/ui/useWork";

const OFF = "off";

interface Props {
  pool: Item<"pool">;
  /** The entry. */
  entry: string;
  /** Its texts: `<words>-title`, `-on`, `-body`. */
  words: "discovery" | "hostconsole";
}

export function PoolSwitch({ pool, entry, words }: Props): ReactNode {
  const t = useT();
  const { busy, error, run } = useWork();
  const isOn = pool.other_config[entry] !== OFF;
  const set = (on: boolean): void =>
    run(async () => {
      await call("pool.remove_from_other_config", pool.$ref, entry);
      if (!on) await call("pool.add_to_other_config", pool.$ref, entry, OFF);
    });
  const line = isOn ? xe("pool-param-set", { uuid: pool.uuid, [`other-config:${entry}`]: OFF }) : xe("pool-param-remove", { uuid: pool.uuid, "param-name": "other-config", "param-key": entry });
  return (
    <Panel title={t(`${words}-title`)}>
      <div className="hv-stack">
        <Switch id={entry} label={t(`${words}-on`)} isChecked={isOn} isDisabled={busy} onChange={(_event, on) => set(on)} />
        <Help>{t(`${words}-body`)}</Help>
        {error !== null && <ErrorView error={error} />}
        <CliLines lines={[line]} />
      </div>
    </Panel>
  );
}
