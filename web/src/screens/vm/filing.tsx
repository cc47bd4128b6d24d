// Where machines are found: in which folder, under which tags. Chosen in a dialog, or dropped in the tree.
import FolderIcon from "@patternfly/react-icons/dist/esm/icons/folder-icon";
import TagIcon from "@patternfly/react-icons/dist/esm/icons/tag-icon";
import { FormGroup, TextInput } from "@patternfly/react-core";
import { type ReactNode, useState } from "react";
import { type Action, defineAction, type DialogProps } from "@/actions/action";
import { useI18n } from "@/i18n";
import { type Item, useVms } from "@/store/hooks";
import { Help } from "@/ui/bits";
import { change, type Changes, cliOfChange } from "./change";
import { Frame } from "./DeviceDialogs";
import { FOLDER_KEY, folderOf, tagsOf } from "./marks";

type Vm = Item<"VM">;

/** The folder of a machine; empty: none. */
function folderNow(vm: Vm): string {
  return folderOf(vm.other_config[FOLDER_KEY] ?? "");
}

/** What has to be changed for a machine to lie there. */
function filed(vm: Vm, folder: string): Changes {
  return folderNow(vm) === folder ? {} : { folder };
}

/** The same for tags that it shall have besides its own. */
function tagged(vm: Vm, tags: readonly string[]): Changes {
  const more = tags.filter((tag) => !vm.tags.includes(tag));
  return more.length === 0 ? {} : { tags: [...vm.tags, ...more] };
}

/** One change of several machines, each with its own line of the command line. */
async function changeAll(vms: readonly Vm[], to: (vm: Vm) => Changes): Promise<void> {
  for (const vm of vms) await change(vm.$ref, to(vm));
}

function linesOf(vms: readonly Vm[], to: (vm: Vm) => Changes): string {
  const changed = vms.filter((vm) => Object.keys(to(vm)).length > 0);
  return (changed.length === 0 ? vms.slice(0, 1) : changed).map((vm) => cliOfChange(vm, to(vm), "")).join("\n");
}

/** Texts that are known already, offered while one types. */
function Known({ id, texts }: { id: string; texts: Iterable<string> }): ReactNode {
  return (
    <datalist id={id}>
      {[...new Set(texts)].sort().map((text) => (
        <option key={text} value={text}>
          {text}
        </option>
      ))}
    </datalist>
  );
}

function FolderDialog({ targets, close }: DialogProps<"VM">): ReactNode {
  const { t } = useI18n();
  const all = useVms();
  const [first] = targets;
  const [typed, setTyped] = useState(first === undefined ? "" : folderNow(first));
  const folder = folderOf(typed);
  const to = (vm: Vm): Changes => filed(vm, folder);
  return (
    <Frame
      title={t("vm-file-title", { name: first?.name_label ?? "", count: targets.length })}
      body={t("vm-file-body")}
      button={t("vm-file-do")}
      blocked={targets.every((vm) => folderNow(vm) === folder) ? t("vm-file-is-there") : undefined}
      cli={linesOf(targets, to)}
      work={() => changeAll(targets, to)}
      close={close}
    >
      <FormGroup label={t("column-folder")} fieldId="file-folder">
        <TextInput id="file-folder" value={typed} list="file-folders" onChange={(_event, value) => setTyped(value)} autoComplete="off" autoFocus />
        <Known id="file-folders" texts={all.map(folderNow).filter((each) => each !== "")} />
        <Help>{t("folder-help")}</Help>
      </FormGroup>
    </Frame>
  );
}

function TagDialog({ targets, close }: DialogProps<"VM">): ReactNode {
  const { t } = useI18n();
  const all = useVms();
  const [typed, setTyped] = useState("");
  const tags = tagsOf(typed);
  const to = (vm: Vm): Changes => tagged(vm, tags);
  const isDone = targets.every((vm) => Object.keys(to(vm)).length === 0);
  return (
    <Frame
      title={t("vm-tag-title", { name: targets[0]?.name_label ?? "", count: targets.length })}
      body={t("vm-tag-body")}
      button={t("vm-tag-do")}
      blocked={tags.length === 0 ? t("vm-tag-needs") : isDone ? t("vm-tag-is-there") : undefined}
      cli={linesOf(targets, to)}
      work={() => changeAll(targets, to)}
      close={close}
    >
      <FormGroup label={t("vm-tags")} fieldId="tag-tags">
        <TextInput id="tag-tags" value={typed} list="tag-known" onChange={(_event, value) => setTyped(value)} autoComplete="off" autoFocus />
        <Known id="tag-known" texts={all.flatMap((vm) => vm.tags)} />
        <Help>{t("tags-help")}</Help>
      </FormGroup>
    </Frame>
  );
}

/** Done at once, without a dialog: what was dropped says where. */
function dropped(of: Action<"VM">, to: (vm: Vm) => Changes): Action<"VM"> {
  const { dialog: _dialog, onto: _onto, ...rest } = of;
  return { ...rest, run: async (vm) => void (await change(vm.$ref, to(vm))) as undefined };
}

const file: Action<"VM"> = defineAction<"VM">({
  id: "vm.file",
  of: "VM",
  label: "vm-file",
  icon: FolderIcon,
  group: "change",
  isBulk: true,
  isHidden: (vm) => vm.is_a_template,
  cli: (vm) => cliOfChange(vm, { folder: "/FOLDER" }, ""),
  dialog: FolderDialog,
  onto: ({ kind, to }) => (kind === "folder" ? dropped(file, (vm) => filed(vm, to)) : undefined),
});

const tag: Action<"VM"> = defineAction<"VM">({
  id: "vm.tag",
  of: "VM",
  label: "vm-tag",
  icon: TagIcon,
  group: "change",
  isBulk: true,
  isHidden: (vm) => vm.is_a_template,
  cli: (vm) => cliOfChange(vm, { tags: [...vm.tags, "TAG"] }, ""),
  dialog: TagDialog,
  onto: ({ kind, to }) => (kind === "tag" ? dropped(tag, (vm) => tagged(vm, [to])) : undefined),
});

export const filingActions = [file, tag];
