// Which file goes into which library, how far it is, and what became of it.
import { Alert, Progress } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { haven } from "@/actions/cli";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { CliLines } from "@/ui/CliLines";
import { ErrorView } from "@/ui/ErrorView";
import { FilePick } from "@/ui/FilePick";
import { useImages } from "../vm/CdDialog";
import { LibrarySelect, useLibrary } from "./LibrarySelect";
import { type ImageUpload, isCd, wrongName } from "./upload";

interface Props {
  upload: ImageUpload;
  libraries: ReadonlyArray<Item<"SR">>;
  /** Uuid of the library that is meant at first. */
  first?: string | null;
}

export function UploadForm({ upload: { state, start, cancel }, libraries, first }: Props): ReactNode {
  const { t } = useI18n();
  const images = useImages();
  const [file, setFile] = useState<File | null>(null);
  const [looksWrong, setLooksWrong] = useState(false);
  const [library, pick] = useLibrary(libraries, first);
  const choose = (chosen: File | null): void => {
    setFile(chosen);
    setLooksWrong(false);
    // A file that cannot be read is the server's to refuse.
    if (chosen !== null) void isCd(chosen).then((isOne) => setLooksWrong(!isOne), () => undefined);
  };
  if (library === undefined) return null;
  const isSent = state.is === "done" && state.name === file?.name;
  const wrong = file === null || isSent ? undefined : (wrongName(file.name, library, images) ?? (looksWrong ? "image-no-cd" : undefined));
  const isSending = state.is === "sending";
  const blocked = file === null || isSent ? t("import-needs-file") : wrong === undefined ? undefined : t(wrong, { name: file.name });
  return (
    <div className="hv-stack">
      <FilePick
        id="image-file"
        label={t("image-file")}
        file={file}
        onPick={choose}
        help={t("image-file-help")}
        wrong={wrong === undefined ? undefined : blocked}
        isDisabled={isSending}
      />
      <LibrarySelect id="image-library" library={library} libraries={libraries} isDisabled={isSending} onPick={pick} />
      {isSending && (
        <>
          <Progress title={t(state.share < 1 ? "import-sending" : "image-checking")} value={Math.round(state.share * 100)} />
          <p className="hv-muted">{t("image-goes-on")}</p>
        </>
      )}
      {state.is === "failed" && <ErrorView error={state.error} />}
      {state.is === "done" && <Alert isInline variant="success" title={t("image-done", { name: state.name })} />}
      <div className="hv-buttons">
        {isSending ? (
          <Act variant="secondary" blocked={undefined} onClick={cancel}>
            {t("image-cancel")}
          </Act>
        ) : (
          <Act variant="secondary" blocked={blocked} onClick={() => file !== null && start(file, library)}>
            {t("image-do")}
          </Act>
        )}
      </div>
      <CliLines lines={[haven("sr", "upload", library.name_label, file?.name ?? "IMAGE.iso")]} />
    </div>
  );
}
