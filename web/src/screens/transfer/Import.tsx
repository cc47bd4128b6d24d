// A machine from an XVA file, of this pool or of XenServer: which file, where its disks go, and go.
import { Checkbox, Progress } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { xe } from "@/actions/cli";
import { useWorld } from "@/actions/runner";
import { call } from "@/api/rpc";
import { useI18n } from "@/i18n";
import { bestStorage, isLibrary, roomOf } from "@/model/storage";
import { useAll, usePool } from "@/store/hooks";
import { Facts } from "@/ui/bits";
import { FilePick } from "@/ui/FilePick";
import { useNotices } from "@/ui/notices";
import { SrSelect } from "@/ui/SrSelect";
import { useIsHere } from "@/ui/useIsHere";
import { WizardPage } from "@/ui/WizardPage";
import { importFile } from "./importFile";

export default function Import(): ReactNode {
  const { t, bytes } = useI18n();
  const navigate = useNavigate();
  const world = useWorld();
  const { show, showError } = useNotices();
  const pool = usePool();
  const srs = useAll("SR").filter((each) => !isLibrary(each));
  const [file, setFile] = useState<File | null>(null);
  const [picked, setPicked] = useState<string | null>(null);
  const [restores, setRestores] = useState(false);
  const [sent, setSent] = useState<number | null>(null);
  const sr = srs.find((each) => each.$ref === picked) ?? bestStorage(srs, pool);
  const isHere = useIsHere();
  const finish = async (): Promise<void> => {
    if (file === null || sr === undefined) return;
    setSent(0);
    try {
      const vm = await importFile(world.client, file, { sr: sr.uuid, restores }, setSent);
      // Who has gone elsewhere meanwhile is told, and stays there.
      if (!isHere()) show({ variant: "success", title: t("import-done", { name: vm === undefined ? file.name : await call("VM.get_name_label", vm) }) });
      else await navigate(vm === undefined ? "/pool/vms" : `/vm/${await call("VM.get_uuid", vm)}`);
    } catch (error) {
      if (isHere()) throw error;
      showError(error, { action: "import-do", object: file.name });
    } finally {
      setSent(null);
    }
  };
  const isTight = file !== null && sr !== undefined && file.size > roomOf(sr);
  return (
    <WizardPage
      title="import-title"
      finish="import-do"
      cancelTo="/pool/vms"
      onFinish={finish}
      cli={[xe("vm-import", { filename: file?.name ?? "FILE.xva", "sr-uuid": sr?.uuid ?? "SR", ...(restores ? { preserve: "true" } : {}) })]}
      steps={[
        {
          id: "file",
          label: "import-file",
          why: "import-why-file",
          blocked: file === null ? t("import-needs-file") : sr === undefined ? t("needs-storage") : undefined,
          body: (
            <div className="hv-stack">
              <FilePick id="import-file" label={t("import-file")} file={file} onPick={setFile} help={t("import-file-help")} isRequired />
              <SrSelect id="import-sr" srs={srs} sr={sr} onChange={setPicked} />
              {isTight && <p className="hv-bad-text">{t("import-tight")}</p>}
              <Checkbox id="import-restore" label={t("import-restore")} description={t("import-restore-body")} isChecked={restores} onChange={(_event, value) => setRestores(value)} />
            </div>
          ),
        },
        {
          id: "review",
          label: "step-review",
          why: "import-why-review",
          body: (
            <div className="hv-stack">
              <Facts
                facts={[
                  ["import-file", file === null ? "" : `${file.name} · ${bytes(file.size)}`],
                  ["tab-storage", sr?.name_label],
                  ["import-restore", restores ? t("yes") : t("no")],
                ]}
              />
              {sent !== null && <Progress title={t(sent < 1 ? "import-sending" : "import-unpacking")} value={Math.round(sent * 100)} />}
            </div>
          ),
        },
      ]}
    />
  );
}
