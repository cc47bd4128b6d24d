// The first run of a host that belongs to no pool: found one, or join one.
import { Card, CardBody, Content, Form, FormGroup, Radio, TextInput, Title } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { setup } from "@/api/haven";
import { setTransport } from "@/api/http";
import { useI18n, useT } from "@/i18n";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { ErrorView } from "@/ui/ErrorView";
import { useSubmit } from "@/ui/useSubmit";
import { CliLines } from "@/ui/CliLines";
import { haven } from "@/actions/cli";
import { HostChecks } from "./HostChecks";
import { Join, ofAddress } from "./Join";
import { OWN_ZONE } from "@/i18n/preferred";
import { Preferences } from "./Preferences";
import { refreshSession, useSignIn } from "./session";

/** Shortest password that the pool takes. */
const PASSWORD_CHARS_MIN = 6;

export function Welcome(): ReactNode {
  const { t, chosenZone } = useI18n();
  const [code, setCode] = useState(() => ofAddress("code"));
  const [way, setWay] = useState<"create" | "join" | "demo">(() => (ofAddress("join") === "" ? "create" : "join"));
  return (
    <main className="hv-front hv-welcome">
      <div className="hv-front-tools">
        <Preferences />
      </div>
      <Card className="hv-front-card hv-welcome-card">
        <CardBody>
          <img src="/ui/haven.svg" alt="" width="56" height="56" />
          <Title headingLevel="h1" size="2xl">
            {t("welcome-title")}
          </Title>
          <Content component="p">{t("welcome-body")}</Content>
          {way !== "demo" && <Form>
            <FormGroup label={t("setup-code")} fieldId="code" isRequired>
              <TextInput id="code" value={code} onChange={(_event, value) => setCode(value)} autoComplete="off" spellCheck={false} autoFocus={code === ""} />
              <Help>
                    {t("setup-code-help")} <code>sudo haven web</code>
                  </Help>
            </FormGroup>
          </Form>}
          <p className="hv-muted">{t("time-zone", { zone: chosenZone === "" ? OWN_ZONE : chosenZone })}</p>
          <div className="hv-ways" role="radiogroup" aria-label={t("welcome-title")}>
            {(["create", "join", "demo"] as const).map((each) => (
              <Card key={each} isCompact className={way === each ? "hv-way hv-way-chosen" : "hv-way"}>
                <CardBody>
                  <Radio
                    id={`way-${each}`}
                    name="way"
                    isChecked={way === each}
                    onChange={() => setWay(each)}
                    label={t(`way-${each}`)}
                    description={t(`way-${each}-body`)}
                  />
                </CardBody>
              </Card>
            ))}
          </div>
          {way === "create" ? <Create code={code} /> : way === "join" ? <Join code={code} /> : <Demo />}
          {way !== "demo" && <HostChecks code={code} />}
        </CardBody>
      </Card>
    </main>
  );
}

function Create({ code }: { code: string }): ReactNode {
  const t = useT();
  const client = useQueryClient();
  const signIn = useSignIn();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const short = password !== "" && password.length < PASSWORD_CHARS_MIN;
  const differs = again !== "" && again !== password;
  const ready = name.trim() !== "" && password.length >= PASSWORD_CHARS_MIN && again === password && code !== "";
  const { busy, error, onSubmit } = useSubmit(async () => {
    await setup.init(code.trim(), name.trim(), password);
    await signIn("root", password);
    await refreshSession(client);
  }, ready);
  return (
    <Form onSubmit={onSubmit}>
      <FormGroup label={t("pool-name")} fieldId="pool-name" isRequired>
        <TextInput id="pool-name" value={name} onChange={(_event, value) => setName(value)} placeholder={t("pool-name-example")} />
      </FormGroup>
      <div className="hv-pair">
        <FormGroup label={t("new-password")} fieldId="new-password" isRequired>
          <TextInput
            id="new-password"
            type="password"
            autoComplete="new-password"
            value={password}
            onChange={(_event, value) => setPassword(value)}
            validated={short ? "error" : "default"}
          />
          <Help isWrong={short}>{t("password-help", { count: PASSWORD_CHARS_MIN })}</Help>
        </FormGroup>
        <FormGroup label={t("password-again")} fieldId="password-again" isRequired>
          <TextInput
            id="password-again"
            type="password"
            autoComplete="new-password"
            value={again}
            onChange={(_event, value) => setAgain(value)}
            validated={differs ? "error" : "default"}
          />
          {differs && (
            <Help isWrong>{t("password-differs")}</Help>
          )}
        </FormGroup>
      </div>
      {error !== null && <ErrorView error={error} />}
      <Act type="submit" isBlock blocked={ready ? undefined : t("pool-create-needs")} isLoading={busy}>
        {t(busy ? "pool-creating" : "pool-create")}
      </Act>
      <CliLines lines={[haven("pool", "init", "--name", name === "" ? t("pool-name-example") : name)]} />
    </Form>
  );
}

/** Looks around in a pool that is none. */
function Demo(): ReactNode {
  const t = useT();
  const client = useQueryClient();
  const { busy, error, onSubmit } = useSubmit(async () => {
    const { demoTransport } = await import("@/mock/demo");
    setTransport(await demoTransport());
    await refreshSession(client);
  });
  return (
    <Form onSubmit={onSubmit}>
      <p>{t("demo-body")}</p>
      {error !== null && <ErrorView error={error} />}
      <Act type="submit" isBlock blocked={undefined} isLoading={busy}>
        {t("demo-open")}
      </Act>
    </Form>
  );
}
