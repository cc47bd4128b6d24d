// W8: what people say of a machine: notes, folder, tags; and what waits for its next start.
import { Alert, Button, FormGroup, Label, LabelGroup, TextArea, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { useI18n } from "@/i18n";
import { type Item, usePool } from "@/store/hooks";
import { Facts, Help, Panel } from "@/ui/bits";
import { useBootWord } from "./boot";
import { change, type Changes, cliOfChange } from "./change";
import { Frame } from "./DeviceDialogs";
import { FOLDER_KEY, folderOf, tagsOf } from "./marks";
import { pendingOf } from "./pending";

export function Notes({ vm }: { vm: Item<"VM"> }): ReactNode {
  const { t } = useI18n();
  const [edits, setEdits] = useState(false);
  const folder = vm.other_config[FOLDER_KEY] ?? "";
  const isEmpty = vm.name_description === "" && folder === "" && vm.tags.length === 0;
  return (
    <Panel title={t("vm-notes")}>
      <div className="hv-stack">
        {isEmpty && <p className="hv-muted">{t("vm-notes-none")}</p>}
        {vm.name_description !== "" && <p className="hv-notes">{vm.name_description}</p>}
        <Facts
          facts={[
            ["column-folder", folder],
            [
              "vm-tags",
              vm.tags.length === 0 ? undefined : (
                <LabelGroup key="tags" numLabels={20} aria-label={t("vm-tags")}>
                  {vm.tags.map((tag) => (
                    <Label key={tag} isCompact>
                      {tag}
                    </Label>
                  ))}
                </LabelGroup>
              ),
            ],
          ]}
        />
        <div className="hv-buttons">
          <Button variant="secondary" size="sm" onClick={() => setEdits(true)}>
            {t("vm-notes-edit")}
          </Button>
        </div>
      </div>
      {edits && <NotesDialog vm={vm} close={() => setEdits(false)} />}
    </Panel>
  );
}

function NotesDialog({ vm, close }: { vm: Item<"VM">; close: () => void }): ReactNode {
  const { t } = useI18n();
  const [description, setDescription] = useState(vm.name_description);
  const [folder, setFolder] = useState(vm.other_config[FOLDER_KEY] ?? "");
  const [tags, setTags] = useState(vm.tags.join(", "));
  const to: Changes = {
    ...(description === vm.name_description ? {} : { description }),
    ...(folderOf(folder) === (vm.other_config[FOLDER_KEY] ?? "") ? {} : { folder: folderOf(folder) }),
    ...(tagsOf(tags).join() === vm.tags.join() ? {} : { tags: tagsOf(tags) }),
  };
  return (
    <Frame
      title={t("vm-notes-of", { name: vm.name_label })}
      body={t("vm-notes-body")}
      button={t("save")}
      blocked={Object.keys(to).length === 0 ? t("settings-unchanged") : undefined}
      cli={cliOfChange(vm, to, "")}
      work={() => change(vm.$ref, to)}
      close={close}
    >
      <FormGroup label={t("column-description")} fieldId="notes-text">
        <TextArea id="notes-text" rows={4} value={description} onChange={(_event, value) => setDescription(value)} resizeOrientation="vertical" autoFocus />
      </FormGroup>
      <FormGroup label={t("column-folder")} fieldId="notes-folder">
        <TextInput id="notes-folder" value={folder} onChange={(_event, value) => setFolder(value)} autoComplete="off" />
        <Help>{t("folder-help")}</Help>
      </FormGroup>
      <FormGroup label={t("vm-tags")} fieldId="notes-tags">
        <TextInput id="notes-tags" value={tags} onChange={(_event, value) => setTags(value)} autoComplete="off" />
        <Help>{t("tags-help")}</Help>
      </FormGroup>
    </Frame>
  );
}

/** What is set, but not so yet. */
export function PendingChanges({ vm }: { vm: Item<"VM"> }): ReactNode {
  const { t, number, bytes } = useI18n();
  const pool = usePool();
  const boot = useBootWord();
  const found = pendingOf(vm, pool, { number, bytes, boot, none: t("pending-nothing") });
  if (found.length === 0) return null;
  return (
    <Alert isInline variant="info" title={t("pending-title", { count: found.length })} data-testid="pending">
      <ul>
        {found.map(({ label, before, after }) => (
          <li key={label}>{t("pending-change", { what: t(label), now: before, after })}</li>
        ))}
      </ul>
      <p>{t("pending-body")}</p>
    </Alert>
  );
}
