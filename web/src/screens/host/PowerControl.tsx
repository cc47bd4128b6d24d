// How the pool switches this host off when it is lost, and on again: what is set up, a test that switches
// nothing, and setting up one device. Several devices of one host are for the command line.
import { Checkbox, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { haven as cliOf } from "@/actions/cli";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Facts, HeadRow, Help, Panel } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useNotices } from "@/ui/notices";
import { SaveRow } from "@/ui/SaveRow";
import { Pill } from "@/ui/status";
import { useWork } from "@/ui/useWork";

/** What one host heard from the device of another. */
interface Asked {
  from: string;
  power: string | null;
  error: string | null;
  ms: number;
}

/** Entries of `power_on_config` that are not shown: references to secrets. */
const SECRET = /_secret$/;
const AGENT = "fence_ipmilan";

/** `lanplus=1 cipher=3` as entries; undefined: a word is no entry. */
export function entriesOf(text: string): Record<string, string> | undefined {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const pairs = words.map((word) => /^([\w-]+)=(.*)$/.exec(word));
  return pairs.every((pair) => pair !== null) ? Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""])) : undefined;
}

export function PowerControl({ host }: { host: Item<"host"> }): ReactNode {
  const { t, number } = useI18n();
  const mode = host.power_on_mode ?? "";
  const config = host.power_on_config ?? {};
  const isSet = mode !== "";
  const [isOpen, setOpen] = useState(false);
  const test = useQuery({
    queryKey: ["fencing-test", host.uuid, mode],
    queryFn: async () => JSON.parse(await call("host.call_plugin", host.$ref, "fencing", "test", {})) as Asked[],
    enabled: false,
    retry: false,
    gcTime: 0,
  });
  const { busy, error, run } = useWork();
  const known = Object.entries(config).filter(([key]) => !SECRET.test(key));
  return (
    <Panel title={t("power-control")}>
      <div className="hv-stack">
        <p className="hv-muted">{t("power-control-body")}</p>
        {isSet ? (
          <Facts facts={[["power-agent", mode], ["power-told", known.map(([key, value]) => `${key}=${value}`).join(" ")], ["power-after", t(config["after_fencing"] === "stay_off" ? "power-stays-off" : "power-switched-on")]]} />
        ) : (
          <p>{t("power-control-none")}</p>
        )}
        {test.error !== null && !test.isFetching && <ErrorView error={test.error} />}
        {test.data !== undefined && !test.isFetching && (
          <table className="hv-matrix" aria-label={t("power-test")}>
            <HeadRow labels={["power-asked-from", "column-state", "power-took"]} />
            <tbody>
              {test.data.map((row) => (
                <tr key={row.from} data-host={row.from}>
                  <th scope="row">{row.from}</th>
                  <td>
                    <Pill colour={row.error === null ? "green" : "red"}>{t(row.error !== null ? "power-no-answer" : row.power === "on" ? "power-is-on" : "power-is-off")}</Pill>
                    {row.error !== null && (
                      <p className="hv-muted" lang="en">
                        {row.error}
                      </p>
                    )}
                  </td>
                  <td>{t("milliseconds", { value: number(row.ms) })}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {error !== null && <ErrorView error={error} />}
        <div className="hv-buttons">
          <Act variant="secondary" isLoading={test.isFetching} blocked={!isSet ? t("power-control-none") : test.isFetching ? t("busy") : undefined} onClick={() => void test.refetch()}>
            {t("power-test")}
          </Act>
          <Act variant="secondary" blocked={undefined} onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
            {t(isSet ? "power-change" : "power-set-up")}
          </Act>
          {isSet && (
            <Act
              variant="link"
              blocked={busy ? t("busy") : undefined}
              onClick={() =>
                run(async () => {
                  await call("host.set_power_on_mode", host.$ref, "", {});
                })
              }
            >
              {t("power-clear")}
            </Act>
          )}
        </div>
        {isOpen && <Device host={host} onDone={() => setOpen(false)} />}
        <CliLines lines={isSet ? [cliOf("host", "fencing", "test", host.name_label), cliOf("host", "fencing", "clear", host.name_label)] : []} />
      </div>
    </Panel>
  );
}

function Device({ host, onDone }: { host: Item<"host">; onDone: () => void }): ReactNode {
  const { t } = useI18n();
  const { show } = useNotices();
  const [typed, setTyped] = useState({ agent: host.power_on_mode === "" ? AGENT : (host.power_on_mode ?? AGENT), ip: host.power_on_config?.["ip"] ?? "", username: host.power_on_config?.["username"] ?? "", password: "", more: "" });
  const [staysOff, setStaysOff] = useState(host.power_on_config?.["after_fencing"] === "stay_off");
  const agents = useQuery({
    queryKey: ["fence-agents", host.uuid],
    queryFn: async () => JSON.parse(await call("host.call_plugin", host.$ref, "fencing", "agents", {})) as string[],
    retry: false,
    staleTime: Infinity,
  });
  const { busy, error, run } = useWork(() => {
    show({ variant: "success", title: t("power-saved", { host: host.name_label }), body: t("power-saved-body") });
    onDone();
  });
  const more = entriesOf(typed.more);
  const blocked = typed.agent.trim() === "" ? t("power-needs-agent") : typed.ip.trim() === "" ? t("power-needs-ip") : more === undefined ? t("power-more-wrong") : undefined;
  const set = (part: Partial<typeof typed>): void => setTyped({ ...typed, ...part });
  const said = { ip: typed.ip.trim(), ...(typed.username === "" ? {} : { username: typed.username }), ...more };
  const field = (id: "agent" | "ip" | "username" | "more", help?: string): ReactNode => (
    <FormGroup label={t(`power-${id}`)} fieldId={`power-${id}`} isRequired={id === "agent" || id === "ip"}>
      <TextInput id={`power-${id}`} value={typed[id]} onChange={(_event, value) => set({ [id]: value })} autoComplete="off" spellCheck={false} {...(id === "agent" ? { list: "fence-agents" } : {})} />
      {help !== undefined && <Help isWrong={id === "more" && more === undefined}>{t(help)}</Help>}
    </FormGroup>
  );
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        if (blocked !== undefined || busy) return;
        run(async () => {
          const config = { ...said, ...(typed.password === "" ? {} : { password: typed.password }), after_fencing: staysOff ? "stay_off" : "switch_on" };
          await call("host.set_power_on_mode", host.$ref, typed.agent.trim(), config);
        });
      }}
    >
      <datalist id="fence-agents">
        {(agents.data ?? []).map((agent) => (
          <option key={agent} value={agent}>
              {agent}
            </option>
        ))}
      </datalist>
      {field("agent", "power-agent-help")}
      {field("ip")}
      {field("username")}
      <FormGroup label={t("power-password")} fieldId="power-password">
        <TextInput id="power-password" type="password" value={typed.password} onChange={(_event, password) => set({ password })} autoComplete="new-password" />
        <Help>{t("power-password-help")}</Help>
      </FormGroup>
      {field("more", "power-more-help")}
      <Checkbox id="power-stay-off" isChecked={staysOff} onChange={(_event, isOff) => setStaysOff(isOff)} label={t("power-stay-off")} />
      {error !== null && <ErrorView error={error} />}
      <CliLines lines={[cliOf("host", "fencing", "set", host.name_label, "--agent", typed.agent, ...Object.entries(said).flatMap(([key, value]) => ["-p", `${key}=${value}`]), staysOff ? "--stay-off" : undefined)]} />
      <SaveRow blocked={blocked} busy={busy} />
    </Form>
  );
}
