// Performs actions: asks where an action wants to be confirmed, starts it for every target, and
// says what went wrong. What goes right is seen in the task drawer and in the objects themselves.
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useCallback, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import type { ClassName } from "@/generated/xenapi";
import { useT } from "@/i18n";
import { waitForTask } from "@/store/taskWatch";
import type { Item } from "@/store/hooks";
import { useNotices } from "@/ui/notices";
import { type Action, World } from "./action";
import { ConfirmDialog } from "./ConfirmDialog";

/** Objects of one action that are treated at the same time. */
const AT_ONCE_MAX = 16;
/** Failures of one action that are shown one by one. */
const ERRORS_SHOWN_MAX = 3;

export interface Runner {
  /** Does `action` with all targets, asking first if it wants that. */
  perform<C extends ClassName>(action: Action<C>, targets: ReadonlyArray<Item<C>>): void;
}

const Context = createContext<Runner | null>(null);

export function useActions(): Runner {
  const found = use(Context);
  if (found === null) throw new Error("used outside of ActionRunner");
  return found;
}

export function useWorld(): World {
  const client = useQueryClient();
  return useMemo(() => new World(client), [client]);
}

interface Pending {
  action: Action;
  targets: ReadonlyArray<Item<ClassName>>;
}

export function ActionRunner({ children }: { children: ReactNode }): ReactNode {
  const world = useWorld();
  const navigate = useNavigate();
  const t = useT();
  const { show, showError } = useNotices();
  const [asked, setAsked] = useState<Pending | null>(null);
  const [dialog, setDialog] = useState<Pending | null>(null);

  const run = useCallback(
    async ({ action, targets }: Pending) => {
      let failed = 0;
      const one = async (target: Item<ClassName>): Promise<void> => {
        try {
          const task = await action.run?.(target, world);
          if (task !== undefined) await waitForTask(world.client, task);
        } catch (error) {
          failed += 1;
          if (failed <= ERRORS_SHOWN_MAX) showError(error, { action: action.label, object: nameOf(target) });
        }
      };
      if (action.runAll !== undefined) {
        const [first] = targets;
        await action.runAll(targets, world).catch((error: unknown) => showError(error, { action: action.label, object: targets.length === 1 && first !== undefined ? nameOf(first) : t("selected", { count: targets.length }) }));
        return;
      }
      // Thousands may be chosen: the pool gets them by and by, not all in one moment.
      const waiting = targets.values();
      const worker = async (): Promise<void> => {
        for (const target of waiting) await one(target);
      };
      await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, targets.length) }, worker));
      if (failed > ERRORS_SHOWN_MAX) show({ variant: "warning", title: t("action-failed-many", { action: t(action.label), count: failed, all: targets.length }) });
    },
    [world, showError, show, t],
  );

  const runner = useMemo<Runner>(
    () => ({
      perform(action, targets) {
        const pending = { action, targets } as unknown as Pending;
        const [first] = pending.targets;
        if (first === undefined) return;
        if (pending.action.to !== undefined) void navigate(pending.action.to(first, pending.targets));
        else if (pending.action.dialog !== undefined) setDialog(pending);
        else if (pending.action.confirm !== undefined) setAsked(pending);
        else void run(pending);
      },
    }),
    [navigate, run],
  );

  const Dialog = dialog?.action.dialog;
  return (
    <Context value={runner}>
      {children}
      {asked !== null && (
        <ConfirmDialog
          action={asked.action}
          targets={asked.targets}
          onClose={() => setAsked(null)}
          onConfirm={() => {
            setAsked(null);
            void run(asked);
          }}
        />
      )}
      {Dialog !== undefined && dialog !== null && <Dialog targets={dialog.targets} close={() => setDialog(null)} />}
    </Context>
  );
}

/** What people call an object. */
export function nameOf(target: object): string {
  if ("name_label" in target) return String(target.name_label);
  if ("MAC" in target) return String(target.MAC);
  return "device" in target ? String(target.device) : "";
}
