// Several hosts at once: for every address a token of its own, and a link to the console of that host
// in which the token stands already. What is missing there is the code that only the host tells.
import { FormGroup, FormHelperText, HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";
import { type FormEvent, type ReactNode, useState } from "react";
import { haven } from "@/api/haven";
import { useI18n } from "@/i18n";
import { useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Panel } from "@/ui/bits";
import { ErrorView } from "@/ui/ErrorView";
import { Pill } from "@/ui/status";
import { useWork } from "@/ui/useWork";

/** Hosts that are prepared at once at most. */
const ADDRESSES_MAX = 64;
const ADDRESS = /^(\[[0-9a-f:]+\]|[\p{L}\p{N}.-]+)(:\d+)?$/iu;

interface Prepared {
  address: string;
  token: string;
}

/** The first page of a host, with the token of the pool behind `#`, which no server is sent. */
function firstPage({ address, token }: Prepared): string {
  return `https://${address}/ui/#join=${encodeURIComponent(token)}`;
}

export function ByAddress(): ReactNode {
  const { t } = useI18n();
  const hosts = useAll("host");
  const [text, setText] = useState("");
  const [prepared, setPrepared] = useState<readonly Prepared[]>([]);
  const { busy, error, run } = useWork(() => setText(""));
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const wrong = words.find((word) => !ADDRESS.test(word));
  const blocked = wrong !== undefined ? t("by-address-wrong", { address: wrong }) : words.length > ADDRESSES_MAX ? t("by-address-many", { most: ADDRESSES_MAX }) : undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (words.length === 0 || blocked !== undefined || busy) return;
    run(async () => {
      for (const address of new Set(words)) {
        // One token lets one host in.
        const { token } = await haven.joinToken();
        setPrepared((before) => [...before.filter((each) => each.address !== address), { address, token }]);
      }
    });
  };
  return (
    <Panel title={t("by-address")}>
      <form onSubmit={submit} className="hv-stack" noValidate>
        <FormGroup label={t("by-address-label")} fieldId="addresses">
          <TextInput id="addresses" value={text} onChange={(_event, value) => setText(value)} placeholder="192.0.2.12 192.0.2.13" validated={wrong === undefined ? "default" : "error"} autoComplete="off" spellCheck={false} />
          <FormHelperText>
            <HelperText>
              <HelperTextItem variant={blocked === undefined ? "default" : "error"}>{blocked ?? t("by-address-help")}</HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
        {error !== null && <ErrorView error={error} />}
        <div className="hv-buttons">
          <Act type="submit" variant="secondary" blocked={blocked ?? (words.length === 0 ? t("by-address-needs") : undefined)} isLoading={busy}>
            {t("by-address-prepare")}
          </Act>
        </div>
      </form>
      {prepared.length > 0 && (
        <ul className="hv-arrivals hv-gap-top">
          {prepared.map((each) => {
            const isHere = hosts.some((host) => host.address === each.address.replace(/:\d+$/, ""));
            return (
              <li key={each.address} data-address={each.address}>
                <strong>{each.address}</strong>
                <Pill colour={isHere ? "green" : "grey"}>{t(isHere ? "by-address-here" : "by-address-waits")}</Pill>
                {!isHere && (
                  <a href={firstPage(each)} target="_blank" rel="noopener noreferrer">
                    {t("by-address-open")}
                  </a>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
