// W1: a host joins a pool with a token; the pools of its network are shown, and where each gives tokens.
import { Alert, Button, ClipboardCopy, Form, FormGroup, Radio, TextInput, Title } from "@patternfly/react-core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { haven } from "@/actions/cli";
import { type FoundPool, setup } from "@/api/haven";
import { useT } from "@/i18n";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { useSubmit } from "@/ui/useSubmit";
import { isWholeCode } from "./HostChecks";
import { refreshSession } from "./session";

/** How often it is asked which pools are there, in milliseconds. */
const ASK_MS = 3000;

/** The code may stand behind `#` in the address that the host printed, so that nobody has to type it. */
export function ofAddress(what: "code" | "join"): string {
  return new URLSearchParams(window.location.hash.slice(1)).get(what) ?? "";
}

/** The fingerprint of the CA that a token names; `undefined`: it is no whole token. */
export function caOfToken(token: string): string | undefined {
  try {
    const read: unknown = JSON.parse(atob(token.trim().replaceAll("-", "+").replaceAll("_", "/")));
    const ca = typeof read === "object" && read !== null && "ca_sha256" in read ? read.ca_sha256 : undefined;
    return typeof ca === "string" ? ca.toLowerCase() : undefined;
  } catch {
    return undefined;
  }
}

export function Join({ code }: { code: string }): ReactNode {
  const t = useT();
  const client = useQueryClient();
  // A token may stand behind `#join=` in an address that somebody was given.
  const [token, setToken] = useState(() => ofAddress("join"));
  const [chosen, setChosen] = useState<FoundPool | null>(null);
  const ca = caOfToken(token);
  const isOther = chosen !== null && chosen.ca_sha256 !== "" && ca !== undefined && ca !== chosen.ca_sha256;
  const isComplete = token.trim() !== "" && code !== "";
  const { busy, error, onSubmit } = useSubmit(async () => {
    await setup.join(code.trim(), token.trim());
    await refreshSession(client);
  }, isComplete && !isOther);
  return (
    <Form onSubmit={onSubmit}>
      <Pools code={code} chosen={chosen} choose={setChosen} />
      <FormGroup label={t("join-token")} fieldId="join-token" isRequired>
        <TextInput id="join-token" value={token} onChange={(_event, value) => setToken(value)} autoComplete="off" spellCheck={false} validated={isOther ? "error" : "default"} />
        {chosen === null && <Help>{t("join-token-help")}</Help>}
      </FormGroup>
      {isOther && (
        <Alert isInline variant="danger" title={t("join-other-pool", { pool: chosen.pool_name })}>
          <p>{t("join-other-pool-body")}</p>
          <Button variant="link" isInline onClick={() => setChosen(null)}>
            {t("join-by-token")}
          </Button>
        </Alert>
      )}
      {error !== null && <ErrorView error={error} />}
      <Act type="submit" isBlock blocked={isOther ? t("join-other-pool", { pool: chosen.pool_name }) : isComplete ? undefined : t("pool-join-needs")} isLoading={busy}>
        {t(busy ? "pool-joining" : "pool-join")}
      </Act>
      <CliLines lines={[haven("pool", "find"), haven("pool", "join", token === "" ? "TOKEN" : token)]} />
    </Form>
  );
}

interface PoolsProps {
  code: string;
  chosen: FoundPool | null;
  choose: (pool: FoundPool) => void;
}

/** The pools of this network; of the chosen one, where it gives tokens. */
function Pools({ code, chosen, choose }: PoolsProps): ReactNode {
  const t = useT();
  const isWhole = isWholeCode(code);
  const query = useQuery({ queryKey: ["setup-pools", code], queryFn: ({ signal }) => setup.pools(code.trim(), signal), enabled: isWhole, retry: false, refetchInterval: ({ state }) => (state.error === null ? ASK_MS : false), staleTime: ASK_MS });
  // The chosen one stays, though it may fall silent for a moment.
  const heard = query.data?.pools ?? [];
  const pools = chosen === null || heard.some((pool) => isSame(pool, chosen)) ? heard : [chosen, ...heard];
  return (
    <section aria-labelledby="pools-found" className="hv-stack">
      <Title id="pools-found" headingLevel="h2" size="md">
        {t("pools-found")}
      </Title>
      {pools.length === 0 ? (
        <p className="hv-muted">{t(isWhole ? "pools-found-none" : "new-host-needs-code")}</p>
      ) : (
        <div role="radiogroup" aria-labelledby="pools-found">
          {pools.map((pool) => (
            <Radio
              key={`${pool.host} ${pool.address}`}
              id={`pool-${pool.host}-${pool.address}`}
              name="pool-found"
              isChecked={chosen !== null && isSame(pool, chosen)}
              onChange={() => choose(pool)}
              label={pool.pool_name}
              description={t("pool-found-at", { host: pool.name, address: pool.address, version: pool.version })}
            />
          ))}
        </div>
      )}
      {chosen !== null && <Where pool={chosen} />}
    </section>
  );
}

const isSame = (one: FoundPool, other: FoundPool): boolean => one.host === other.host && one.address === other.address;

function Where({ pool }: { pool: FoundPool }): ReactNode {
  const t = useT();
  const page = `https://${pool.address}/ui/new/host`;
  return (
    <div className="hv-stack" role="status">
      <p>
        {t("pool-token-page", { pool: pool.pool_name })}{" "}
        <a href={page} target="_blank" rel="noreferrer">
          {page}
        </a>
      </p>
      <p>{t("pool-token-command")}</p>
      <ClipboardCopy isReadOnly isCode hoverTip={t("copy")} clickTip={t("copied")} textAriaLabel={t("pool-token-command")}>
        sudo haven pool token
      </ClipboardCopy>
      <p className="hv-muted">{t("pool-found-proves")}</p>
    </div>
  );
}
