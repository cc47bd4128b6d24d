// One new host: its fingerprint to compare, its setup code, what joining would refuse, one by one, and
// the button with which it joins.
import { Button, Form, FormGroup, Spinner, TextInput } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";
import { haven as cliOf } from "@/actions/cli";
import { ApiError } from "@/api/errors";
import { HOST_COMMANDS } from "@/app/hostCommands";
import { haven, type HostCheck } from "@/api/haven";
import { useI18n } from "@/i18n";
import { useByUuid } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { CliLines } from "@/ui/CliLines";
import { pathOf } from "@/ui/links";
import { PoolNetworks } from "../host/Networks";
import { ErrorView, useWireText } from "@/ui/ErrorView";
import { CHECK_ICONS } from "./CheckCell";
import { useTrials } from "./trials";

/** How a machine of another program comes into the pool: its disk is written into one of the pool. */
const ADOPTION = ["qemu-img convert -O raw DISK.qcow2 DISK.raw", "xe vdi-import uuid=VDI filename=DISK.raw"];

/** Groups of eight are easier to compare. */
function grouped(fingerprint: string): string {
  return fingerprint.match(/.{1,8}/g)?.join(" ") ?? "";
}

interface Props {
  address: string;
  /** The fingerprint with which it made itself known. */
  announced?: string;
  /** Hears that it has joined; what is left to do goes on here. */
  onJoined?: () => void;
}

export function NewHost({ address, announced = "", onJoined }: Props): ReactNode {
  const { t } = useI18n();
  const [code, setCode] = useState("");
  const { all, set } = useTrials();
  const { found: checked, joined, error: refused } = all.get(address) ?? {};
  const [busy, setBusy] = useState<"check" | "add" | null>(null);
  const [error, setError] = useState<unknown>(null);
  const hello = useQuery({ queryKey: ["new-host", address], queryFn: () => haven.checkHost(address), retry: false, staleTime: Infinity, gcTime: 0 });
  const fingerprint = hello.data?.fingerprint ?? "";
  const waits = code.trim() === "" ? t("new-host-needs-code") : busy !== null ? t("busy") : undefined;
  const work = async (what: "check" | "add"): Promise<void> => {
    if (waits !== undefined) return;
    setBusy(what);
    setError(null);
    try {
      const trial = { fingerprint, code: code.trim() };
      if (what === "check") set(address, { ...trial, found: await haven.checkHost(address, fingerprint, trial.code) });
      else set(address, { ...trial, ...(checked === undefined ? {} : { found: checked }), joined: await haven.addHost(address, fingerprint, trial.code) });
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(null);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void work("check");
  };
  useEffect(() => {
    if (joined !== undefined) onJoined?.();
    // Once, when it has joined: here, or from the table of all.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [joined]);
  if (joined !== undefined) return <Joined host={joined.joined.host} />;
  if (hello.isPending) return <Spinner size="md" aria-label={t("loading")} />;
  if (hello.error !== null) {
    return (
      <ErrorView error={hello.error}>
        <Button variant="link" isInline onClick={() => void hello.refetch()}>
          {t("try-again")}
        </Button>
      </ErrorView>
    );
  }
  if (!hello.data.waits) return <p className="hv-bad-text">{t("new-host-taken")}</p>;
  const isWrongCode = error instanceof ApiError && error.code === "SESSION_AUTHENTICATION_FAILED";
  return (
    <div className="hv-stack">
      <p>
        {t("new-host-fingerprint")} <code className="hv-detail">{grouped(fingerprint)}</code>
      </p>
      {announced !== "" && announced !== fingerprint && <p className="hv-bad-text">{t("new-host-announced-other")}</p>}
      <Form onSubmit={submit}>
        <FormGroup label={t("setup-code")} fieldId={`code-${address}`} isRequired>
          <TextInput id={`code-${address}`} value={code} onChange={(_event, value) => setCode(value)} autoComplete="off" spellCheck={false} validated={isWrongCode ? "error" : "default"} />
          <Help isWrong={isWrongCode}>
            {t(isWrongCode ? "new-host-wrong-code" : "new-host-code-help")} <code>sudo haven web</code>
          </Help>
        </FormGroup>
        <div className="hv-buttons">
          <Act type="submit" variant="secondary" blocked={waits} isLoading={busy === "check"}>
            {t("new-host-check")}
          </Act>
          {code.trim() === "" && <span className="hv-blocked">{t("new-host-needs-code")}</span>}
        </div>
      </Form>
      {error !== null && !isWrongCode && <ErrorView error={error} />}
      {error === null && refused !== undefined && <ErrorView error={refused} />}
      {checked?.checks !== undefined && (
        <>
          <ul className="hv-checklist" aria-label={t("new-host-checks")}>
            {checked.checks.map((check) => (
              <CheckLine key={`${check.id}-${check.detail}`} check={check} />
            ))}
          </ul>
          <div className="hv-buttons">
            <Act blocked={checked.ok === true ? waits : t("new-host-blocked")} isLoading={busy === "add"} onClick={() => void work("add")}>
              {t("new-host-add")}
            </Act>
            {checked.ok !== true && <span className="hv-blocked">{t("new-host-blocked")}</span>}
          </div>
          <CliLines lines={[cliOf("host", "add", address, "--code", code.trim(), "--fingerprint", fingerprint)]} />
        </>
      )}
    </div>
  );
}

/** The last step: the networks that the new host is without. */
function Joined({ host: uuid }: { host: string | undefined }): ReactNode {
  const { t } = useI18n();
  // What was typed may be a name, or another of its addresses than that which the pool has.
  const host = useByUuid("host", uuid);
  if (host === undefined) return <p role="status">{t("new-host-joined")}</p>;
  return (
    <section className="hv-stack" aria-label={t("hostnet-step")}>
      <p role="status">{t("hostnet-step-body", { host: host.name_label })}</p>
      <PoolNetworks host={host} />
      <p>
        <Link to={pathOf("host", host.uuid, "networks")}>{t("hostnet-page", { host: host.name_label })}</Link>
      </p>
    </section>
  );
}

function CheckLine({ check }: { check: HostCheck }): ReactNode {
  const { t, list } = useI18n();
  const wireText = useWireText();
  const Icon = CHECK_ICONS[check.state];
  const command = HOST_COMMANDS[check.id];
  return (
    <li data-check={check.id} data-state={check.state} className={`hv-check-${check.state}`}>
      <Icon aria-hidden /> <strong>{t(`host-check-${check.id}`)}</strong> <span className="hv-muted">{t(`host-check-${check.state}`)}</span> {check.machines === undefined ? check.detail : list(check.machines.map(({ name, runs }) => t(runs ? "host-machine-runs" : "host-machine-off", { name })))}
      {check.state === "warning" && <p className="hv-muted">{t(`host-check-${check.id}-warning`)}</p>}
      {check.machines !== undefined && (
        <>
          <p className="hv-muted">{t("host-machines-adopt")}</p>
          <CliLines lines={ADOPTION} />
        </>
      )}
      {check.error !== undefined && <p className="hv-bad-text">{wireText(check.error)}</p>}
      {check.state !== "good" && command !== undefined && (
        <p className="hv-muted">
          {t("new-host-mend")} <code>{command}</code>
        </p>
      )}
    </li>
  );
}
