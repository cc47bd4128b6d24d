// W4: what kind, where, what it is called. Exports of an NFS server are looked up.
import { Button, Checkbox, FormGroup, Radio, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearchParams } from "react-router";
import { useWorld } from "@/actions/runner";
import { haven } from "@/api/haven";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { usePool, useAll } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { Help } from "@/ui/bits";
import { ErrorView } from "@/ui/ErrorView";
import { WizardPage } from "@/ui/WizardPage";
import { createSr, introduceSr } from "./create";
import { cliOf, deviceConfig, exportsOf, isPlace, isShared, type Kind, KINDS } from "./kinds";
import { TestStep } from "./TestStep";

export default function NewStorage(): ReactNode {
  const { t } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const pool = usePool();
  const srs = useAll("SR");
  const [search] = useSearchParams();
  const asked = search.get("kind");
  const [kind, setKind] = useState<Kind>(KINDS.find((each) => each === asked) ?? "nfs");
  const [location, setLocation] = useState(search.get("location") ?? "");
  const [name, setName] = useState<string | null>(null);
  const [exports, setExports] = useState<string[] | null>(null);
  const [probing, setProbing] = useState(false);
  const [probeError, setProbeError] = useState<unknown>(null);
  const complete = isPlace(kind, location);
  const word = kind === "iso" ? "images" : kind;
  const title = (name ?? (srs.some((sr) => sr.name_label === word) ? `${word}-${srs.length + 1}` : word)).trim();
  const taken = srs.some((sr) => sr.name_label === title);
  const shared = isShared(kind);
  const isLibrary = kind === "iso";
  // Tried when its step is shown, and again when it is asked for.
  const [isTesting, setTesting] = useState(false);
  const test = useQuery({
    queryKey: ["storage-test", kind, location],
    queryFn: ({ signal }) => haven.testStorage(kind, deviceConfig(kind, location), shared, signal),
    enabled: isTesting && complete,
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  // A repository that lies there and that this pool does not have: an earlier one, of this pool or another.
  const found = new Set(isLibrary ? [] : (test.data?.hosts.flatMap((host) => host.found ?? []) ?? []));
  const there = [...found].find((uuid) => srs.every((sr) => sr.uuid !== uuid));
  const isOnlyTaken = there !== undefined && found.size === 1 && test.data?.hosts.every((host) => host.error === undefined && host.same_place !== false) === true;
  const [isKept, setKept] = useState(false);
  const passes = test.data?.ok === true || (isOnlyTaken && isKept);
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
  // Another place may have been chosen since the box was ticked.
  const kept = isKept ? there : undefined;
  const finish = async (): Promise<void> => {
    const made = { kind, location, name: title };
    const sr = kept === undefined ? await createSr(world, made) : await introduceSr(world, made, kept);
    // The first shared storage becomes the pool's own: new disks go there.
    if (sr !== undefined && pool !== undefined && shared && !isLibrary && world.get("SR", pool.default_SR) === undefined) {
      await call("pool.set_default_SR", pool.$ref, sr);
    }
    await navigate(sr === undefined ? "/pool/storage" : `/sr/${await call("SR.get_uuid", sr)}`);
  };
  return (
    <WizardPage
      title="new-storage"
      finish="newsr-create"
      cancelTo="/pool/storage"
      onFinish={finish}
      cli={[kept === undefined ? cliOf("create", kind, location, title) : cliOf("attach", kind, location, title, kept)]}
      onStep={(id) => setTesting(id === "test" || id === "review")}
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
              <p className="hv-muted">{t("newsr-not-yet")}</p>
            </div>
          ),
        },
        {
          id: "connect",
          label: "newsr-step-connect",
          why: "newsr-why-connect",
          body: (
            <div className="hv-stack">
              <FormGroup label={t(`newsr-where-${kind === "nfs" || isLibrary ? kind : "path"}`)} fieldId="location" isRequired>
                <TextInput id="location" value={location} onChange={(_event, value) => setLocation(value.trim())} placeholder={{ nfs: "192.0.2.9:/export/vms", iso: "192.0.2.9:/export/iso", file: "/mnt/vms", local: "/var/vms" }[kind]} spellCheck={false} autoComplete="off" />
                <Help isWrong={location !== "" && !complete}>{t(`newsr-where-${kind === "nfs" || isLibrary ? kind : "path"}-help`)}</Help>
              </FormGroup>
              {kind === "nfs" && (
                <div className="hv-buttons">
                  <Act variant="secondary" blocked={location === "" ? t("newsr-needs-where") : undefined} isLoading={probing} onClick={() => void probe()}>
                    {t("newsr-browse")}
                  </Act>
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
          id: "test",
          label: "newsr-step-test",
          why: "newsr-why-test",
          body: (
            <>
              <TestStep query={test} cli={cliOf("test", kind, location)} isLibrary={isLibrary} />
              {isOnlyTaken && <Checkbox id="sr-keep" label={t("newsr-keep")} description={t("newsr-keep-body")} isChecked={isKept} onChange={(_event, keep) => setKept(keep)} />}
            </>
          ),
          blocked: test.isFetching ? t("srtest-runs") : passes ? undefined : t(isOnlyTaken ? "newsr-keep-or-else" : "srtest-must-pass"),
        },
        {
          id: "review",
          label: "step-review",
          why: "newsr-why-review",
          body: <Review kind={kind} name={title} location={location} />,
        },
      ]}
    />
  );
}

function Review({ kind, name, location }: { kind: Kind; name: string; location: string }): ReactNode {
  const { t } = useI18n();
  const pool = usePool();
  const isFirst = useAll("SR").every((sr) => sr.$ref !== pool?.default_SR);
  const shared = isShared(kind);
  return (
    <div className="hv-stack">
      <p>{t(kind === "iso" ? "newsr-review-library" : shared ? "newsr-review-shared" : "newsr-review-local", { name, location })}</p>
      {shared && kind !== "iso" && (
        <>
          <p className="hv-muted">{t(isFirst ? "newsr-review-default" : "newsr-review-not-default")}</p>
          <p className="hv-muted">
            {t("newsr-review-heartbeat")} <Link to="/protect">{t("protect-turn-on")}</Link>
          </p>
        </>
      )}
    </div>
  );
}
