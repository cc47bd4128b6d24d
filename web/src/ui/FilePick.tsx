// A file of this computer: dropped here, or found in its folders.
import { FileUpload, FormGroup } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useI18n } from "@/i18n";
import { Help } from "./bits";

interface Props {
  id: string;
  label: string;
  file: File | null;
  onPick: (file: File | null) => void;
  /** What is said while none was picked. */
  help: string;
  /** What is wrong with the one that was picked. */
  wrong?: string | undefined;
  isRequired?: boolean;
  isDisabled?: boolean;
}

export function FilePick({ id, label, file, onPick, help, wrong, isRequired = false, isDisabled = false }: Props): ReactNode {
  const { t, bytes } = useI18n();
  return (
    <FormGroup label={label} fieldId={id} isRequired={isRequired}>
      <FileUpload
        id={id}
        value={file ?? undefined}
        filename={file?.name ?? ""}
        filenamePlaceholder={t("import-drop")}
        browseButtonText={t("import-browse")}
        clearButtonText={t("clear")}
        isDisabled={isDisabled}
        hideDefaultPreview
        onFileInputChange={(_event, picked) => onPick(picked)}
        onClearClick={() => onPick(null)}
      />
      <Help isWrong={wrong !== undefined}>{wrong ?? (file === null ? help : t("import-file-size", { size: bytes(file.size) }))}</Help>
    </FormGroup>
  );
}
