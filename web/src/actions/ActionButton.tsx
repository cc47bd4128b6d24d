// One action as a button; where it is not possible it says why.
import type { ReactNode } from "react";
import type { ClassName } from "@/generated/xenapi";
import { useT } from "@/i18n";
import type { Item } from "@/store/hooks";
import type { Action } from "./action";
import { useActions, useWorld } from "./runner";
import { Act } from "@/ui/Act";

interface Props<C extends ClassName> {
  action: Action<C>;
  target: Item<C>;
  /** What it is called for those who do not see where it stands. */
  label?: string;
  variant?: "secondary" | "link";
  size?: "sm";
}

export function ActionButton<C extends ClassName>({ action, target, label, variant = "secondary", size }: Props<C>): ReactNode {
  const t = useT();
  const world = useWorld();
  const { perform } = useActions();
  if (action.isHidden?.(target, world) === true) return null;
  const reason = action.blocked?.(target, world);
  const Icon = action.icon;
  return (
    <Act
      variant={variant}
      {...(size === undefined ? {} : { size })}
      isDanger={action.group === "remove"}
      data-action={action.id}
      aria-label={label}
      icon={Icon === undefined ? undefined : <Icon />}
      blocked={reason === undefined ? undefined : t(reason.id, reason.args)}
      onClick={() => perform(action, [target])}
    >
      {t(action.label)}
    </Act>
  );
}
