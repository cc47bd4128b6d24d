// The actions of an object: the frequent ones as buttons, all of them in a menu. What is not
// possible says why; each has its line of the command line.
import {
  Divider,
  Dropdown,
  DropdownList,
  Flex,
  MenuItem,
  MenuItemAction,
  MenuToggle,
} from "@patternfly/react-core";
import CopyIcon from "@patternfly/react-icons/dist/esm/icons/copy-icon";
import { Fragment, type ReactNode, useState } from "react";
import type { ClassName } from "@/generated/xenapi";
import { useT } from "@/i18n";
import type { Item } from "@/store/hooks";
import { Act } from "@/ui/Act";
import { useNotices } from "@/ui/notices";
import { areaActions } from "@/app/areas";
import type { Action, Reason } from "./action";
import { useActions, useWorld } from "./runner";

/** The actions that make sense for these objects; with the first reason against each. */
export function useActionsOf<C extends ClassName>(
  of: C,
  targets: ReadonlyArray<Item<C>>,
): Array<{ action: Action<C>; reason: Reason | undefined }> {
  const world = useWorld();
  const all = areaActions(of).filter((action) => targets.length === 1 || action.isBulk === true);
  return all
    .filter((action) => !targets.every((target) => action.isHidden?.(target, world) === true))
    .map((action) => ({
      action,
      reason: targets.map((target) => action.blocked?.(target, world)).find((reason) => reason !== undefined),
    }));
}

interface Props<C extends ClassName> {
  of: C;
  targets: ReadonlyArray<Item<C>>;
  /** Only the menu, for lists. */
  isCompact?: boolean;
  /** Only this group of actions, under this message. */
  only?: { group: Action["group"]; label: string };
}

export function ActionMenu<C extends ClassName>({ of, targets, isCompact, only }: Props<C>): ReactNode {
  const t = useT();
  const { perform } = useActions();
  const [open, setOpen] = useState(false);
  const found = useActionsOf(of, targets).filter(({ action }) => only === undefined || action.group === only.group);
  if (targets.length === 0 || found.length === 0) return null;
  const primary = isCompact === true || only !== undefined ? [] : found.filter(({ action }) => action.isPrimary === true);
  return (
    <Flex gap={{ default: "gapSm" }} flexWrap={{ default: "wrap" }}>
      {primary.map(({ action, reason }) => (
        <PrimaryButton key={action.id} action={action} reason={reason} onClick={() => perform(action, targets)} />
      ))}
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        popperProps={{ position: "right" }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)} variant="secondary" {...(only === undefined ? {} : { size: "sm" as const })}>
            {t(only?.label ?? "actions")}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {found.map((entry, index) => (
            <Fragment key={entry.action.id}>
              {index > 0 && found[index - 1]?.action.group !== entry.action.group && <Divider component="li" />}
              <Entry
                {...entry}
                targets={targets}
                onSelect={() => {
                  setOpen(false);
                  perform(entry.action, targets);
                }}
              />
            </Fragment>
          ))}
        </DropdownList>
      </Dropdown>
    </Flex>
  );
}

interface EntryProps<C extends ClassName> {
  action: Action<C>;
  reason: Reason | undefined;
  targets: ReadonlyArray<Item<C>>;
  onSelect: () => void;
}

function Entry<C extends ClassName>({ action, reason, targets, onSelect }: EntryProps<C>): ReactNode {
  const t = useT();
  const world = useWorld();
  const { show } = useNotices();
  const Icon = action.icon;
  const [first] = targets;
  const line = first === undefined ? "" : `${action.cli(first, world)}${targets.length > 1 ? " …" : ""}`;
  const copy = (): void => {
    const lines = targets.map((target) => action.cli(target, world)).join("\n");
    void navigator.clipboard?.writeText(lines);
    show({ variant: "info", title: t("copied"), body: line });
  };
  return (
    <MenuItem
      itemId={action.id}
      data-action={action.id}
      icon={Icon === undefined ? undefined : <Icon />}
      isAriaDisabled={reason !== undefined}
      isDanger={action.group === "remove"}
      description={reason === undefined ? undefined : t(reason.id, reason.args)}
      onClick={reason === undefined ? onSelect : undefined}
      actions={
        <MenuItemAction icon={<CopyIcon />} aria-label={t("copy-as-cli", { line })} onClick={copy} actionId={`cli-${action.id}`} />
      }
    >
      {t(action.label)}
    </MenuItem>
  );
}

interface ButtonProps {
  action: { id: string; label: string; icon?: Action["icon"] };
  reason: Reason | undefined;
  onClick: () => void;
}

function PrimaryButton({ action, reason, onClick }: ButtonProps): ReactNode {
  const t = useT();
  const Icon = action.icon;
  return (
    <Act
      variant="secondary"
      data-action={action.id}
      icon={Icon === undefined ? undefined : <Icon />}
      blocked={reason === undefined ? undefined : t(reason.id, reason.args)}
      onClick={onClick}
    >
      {t(action.label)}
    </Act>
  );
}
