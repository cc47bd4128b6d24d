// Signing in: on a page of its own, and again over the page when a session has ended.
import { Card, CardBody, Form, FormGroup, Modal, ModalBody, ModalHeader, TextInput, Title } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useT } from "@/i18n";
import { Act } from "@/ui/Act";
import { ErrorView } from "@/ui/ErrorView";
import { useSubmit } from "@/ui/useSubmit";
import { Preferences } from "./Preferences";
import { useSignIn } from "./session";

function SignInForm({ user: known }: { user?: string }): ReactNode {
  const t = useT();
  const signIn = useSignIn();
  const [user, setUser] = useState(known ?? "root");
  const [password, setPassword] = useState("");
  const { busy, error, onSubmit } = useSubmit(() => signIn(user, password));
  return (
    <Form onSubmit={onSubmit}>
      <FormGroup label={t("user-name")} fieldId="user" isRequired>
        <TextInput id="user" value={user} onChange={(_event, value) => setUser(value)} autoComplete="username" isRequired />
      </FormGroup>
      <FormGroup label={t("password")} fieldId="password" isRequired>
        <TextInput
          id="password"
          type="password"
          value={password}
          onChange={(_event, value) => setPassword(value)}
          autoComplete="current-password"
          autoFocus
          isRequired
        />
      </FormGroup>
      {error !== null && <ErrorView error={error} />}
      <Act type="submit" isBlock isLoading={busy} blocked={busy ? t("busy") : user === "" || password === "" ? t("sign-in-needs") : undefined}>
        {t("sign-in")}
      </Act>
    </Form>
  );
}

export function SignIn({ pool, host }: { pool: string; host: string }): ReactNode {
  const t = useT();
  return (
    <main className="hv-front">
      <div className="hv-front-tools">
        <Preferences />
      </div>
      <Card className="hv-front-card">
        <CardBody>
          <img src="/ui/haven.svg" alt="" width="48" height="48" />
          <Title headingLevel="h1" size="2xl">
            {pool === "" ? t("product") : t("sign-in-to", { pool })}
          </Title>
          <p className="hv-muted">{t("sign-in-host", { host })}</p>
          <SignInForm />
        </CardBody>
      </Card>
    </main>
  );
}

/** The session has ended while the page was open: everything on it stays as it is. */
export function SignInAgain({ user }: { user: string }): ReactNode {
  const t = useT();
  return (
    <Modal isOpen variant="small" aria-labelledby="again-title">
      <ModalHeader title={t("session-ended")} description={t("session-ended-body")} labelId="again-title" />
      <ModalBody>
        <SignInForm user={user} />
      </ModalBody>
    </Modal>
  );
}
