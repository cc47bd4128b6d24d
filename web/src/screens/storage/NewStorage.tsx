// W4: what kind, where, what it is called. Exports of an NFS server are looked up.
import { Button, FormGroup, FormHelperText, HelperText, HelperTextItem, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { haven } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { call, start } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { usePool, useAll } from "@/store/hooks";
import { resultRef, waitForTask } from "@/store/taskWatch";
import { ErrorView } from "@/ui/ErrorView";
import { WizardPage } from "@/ui/WizardPage";

const KINDS = ["nfs", "file", "local"] as const;
type Kind = (typeof KINDS)[number];

/** The driver's settings of `server:/export`, or of a directory. */
function deviceConfig(kind: Kind, location: string): Record<string, string> {
  if (kind !== "nfs") return { location };
  const [server = "", path] = location.split(/:(?=\/)/);
  return path === undefined ? { server } : { server, serverpath: path };
}

/** Paths in the answer of a probe. */
function exportsOf(answer: string): string[] {
  return Array.from(answer.matchAll(/<Path>([^<]+)<\/Path>/gi), (match) => (match[1] ?? "").trim());
}

export default function NewStorage(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const pool = usePool();
  const srs = useAll("SR");
  const [kind, setKind] = useState<Kind>("nfs");
  const [location, setLocation] = useState("");
  const [name, setName] = useState<string | null>(null);
  const [exports, setExports] = useState<string[] | null>(null);
  const [probing, setProbing] = useState(false);
  const [probeError, setProbeError] = useState<unknown>(null);
  const complete = kind === "nfs" ? /^[^\s:]+:\/\S*$/.test(location) || /^\[[0-9a-fA-F:]+\]:\/\S*$/.test(location) : location.startsWith("/");
  const title = (name ?? (srs.some((sr) => sr.name_label === kind) ? `${kind}-${srs.length + 1}` : kind)).trim();
  const taken = srs.some((sr) => sr.name_label === title);
  const shared = kind !== "local";
  const probe = async (): Promise<void> => {
    setProbing(true);
    setProbeError(null);
    try {
      const server = location.split(":")[0] ?? "";
      setExports(exportsOf(await call("SR.probe", pool?.master ?? "", { server }, "nfs", {})));
    } catch (error) {
      setProbeError(error);
    } finally {
      setProbing(false);
    }
  };
  const finish = async (): Promise<void> => {
    const task = await start("SR.create", pool?.master ?? "", deviceConfig(kind, location), 0, title, "", kind, "user", shared, {});
    const sr = resultRef(await waitForTask(world.client, task));
    // The first shared storage becomes the pool's own: new disks go there.
    if (sr !== undefined && pool !== undefined && shared && world.get("SR", pool.default_SR) === undefined) {
      await call("pool.set_default_SR", pool.$ref, sr);
    }
    await navigate(sr === undefined ? "/pool/storage" : `/sr/${await call("SR.get_uuid", sr)}`);
  };
  return (
    <WizardPage
      title="newsr-title"
      finish="newsr-create"
      cancelTo="/pool/storage"
      onFinish={finish}
      cli={[haven("sr", "create", title, "--type", kind, "--location", location, kind === "file" ? "--shared" : undefined)]}
      steps={[
        {
          id: "kind",
          label: "newsr-step-kind",
          why: "newsr-why-kind",
          body: (
            <div className="hv-stack" role="radiogroup" aria-label={t("newsr-step-kind")}>
              {KINDS.map((each) => (
                <Radio key={each} id={`kind-${each}`} name="kind" isChecked={kind === each} onChange={() => setKind(each)} label={t(`newsr-${each}`)} description={t(`newsr-${each}-body`)} />
              ))}
            </div>
          ),
        },
        {
          id: "connect",
          label: "newsr-step-connect",
          why: "newsr-why-connect",
          body: (
            <div className="hv-stack">
              <FormGroup label={t(kind === "nfs" ? "newsr-where-nfs" : "newsr-where-path")} fieldId="location" isRequired>
                <TextInput id="location" value={location} onChange={(_event, value) => setLocation(value.trim())} placeholder={kind === "nfs" ? "192.0.2.9:/export/vms" : "/mnt/vms"} spellCheck={false} autoComplete="off" />
                <FormHelperText>
                  <HelperText>
                    <HelperTextItem variant={location !== "" && !complete ? "error" : "default"}>{t(kind === "nfs" ? "newsr-where-nfs-help" : "newsr-where-path-help")}</HelperTextItem>
                  </HelperText>
                </FormHelperText>
              </FormGroup>
              {kind === "nfs" && (
                <div className="hv-buttons">
                  <Button variant="secondary" isDisabled={location === ""} isLoading={probing} onClick={() => void probe()}>
                    {t("newsr-browse")}
                  </Button>
                  {exports?.map((path) => (
                    <Button key={path} variant="link" onClick={() => setLocation(`${location.split(":")[0] ?? ""}:${path}`)}>
                      {path}
                    </Button>
                  ))}
                  {exports?.length === 0 && <span className="hv-muted">{t("newsr-no-exports")}</span>}
                </div>
              )}
              {probeError !== null && <ErrorView error={probeError} />}
              <FormGroup label={t("column-name")} fieldId="sr-name" isRequired>
                <TextInput id="sr-name" value={name ?? title} onChange={(_event, value) => setName(value)} />
              </FormGroup>
            </div>
          ),
          blocked: !complete ? t("newsr-needs-where") : title === "" ? t("newvm-needs-name") : taken ? t("newsr-name-taken", { name: title }) : undefined,
        },
        {
          id: "review",
          label: "newsr-step-review",
          why: "newsr-why-review",
          body: <p>{t(shared ? "newsr-review-shared" : "newsr-review-local", { name: title, location })}</p>,
        },
      ]}
    />
  );
}
