// Hosts by their addresses, several at once: each is looked at from here, and joins from here.
import { FormGroup, TextInput } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Help, Panel } from "@/ui/bits";
import { Pill } from "@/ui/status";
import { hostOf } from "./address";
import { NewHost } from "./NewHost";

/** Hosts that are looked at on one page at most. */
const ADDRESSES_MAX = 64;
const ADDRESS = /^(\[[0-9a-f:]+\]|[\p{L}\p{N}.-]+)(:\d+)?$/iu;

export function ByAddress(): ReactNode {
  const { t } = useI18n();
  const hosts = useAll("host");
  const isMember = (address: string): boolean => hosts.some((host) => host.address === hostOf(address));
  const [text, setText] = useState("");
  // Those that are members when they are asked for have nothing to do here; those that become it do.
  const [chosen, setChosen] = useState<ReadonlyMap<string, "new" | "member" | "joined">>(new Map());
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !ADDRESS.test(word));
  const blocked = wrong !== undefined ? t("by-address-wrong", { address: wrong }) : new Set([...chosen.keys(), ...words]).size > ADDRESSES_MAX ? t("by-address-many", { most: ADDRESSES_MAX }) : undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (words.length === 0 || blocked !== undefined) return;
    setChosen((before) => new Map([...words.map((word) => [word, isMember(word) ? "member" : "new"] as const), ...before]));
    setText("");
  };
  return (
    <Panel title={t("by-address")}>
      <form onSubmit={submit} className="hv-stack" noValidate>
        <FormGroup label={t("by-address-label")} fieldId="addresses">
          <TextInput id="addresses" value={text} onChange={(_event, value) => setText(value)} placeholder="192.0.2.12 192.0.2.13" validated={wrong === undefined ? "default" : "error"} autoComplete="off" spellCheck={false} />
          <Help isWrong={blocked !== undefined}>{blocked ?? t("by-address-help")}</Help>
        </FormGroup>
        <div className="hv-buttons">
          <Act type="submit" variant="secondary" blocked={blocked ?? (words.length === 0 ? t("by-address-needs") : undefined)}>
            {t("by-address-prepare")}
          </Act>
        </div>
      </form>
      {chosen.size > 0 && (
        <ul className="hv-new-hosts hv-gap-top">
          {[...chosen].map(([address, state]) => {
            const isHere = state !== "new" || isMember(address);
            return (
              <li key={address} data-address={address}>
                <div className="hv-line">
                  <strong>{address}</strong>
                  <Pill colour={isHere ? "green" : "grey"}>{t(isHere ? "by-address-here" : "by-address-waits")}</Pill>
                </div>
                {state !== "member" && <NewHost address={address} onJoined={() => setChosen((before) => new Map(before).set(address, "joined"))} />}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
