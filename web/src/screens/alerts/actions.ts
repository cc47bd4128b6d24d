// What is done with alerts: somebody takes them on, and they are cleared when they were dealt with.
import CheckIcon from "@patternfly/react-icons/dist/esm/icons/check-icon";
import HandPaperIcon from "@patternfly/react-icons/dist/esm/icons/hand-paper-icon";
import UndoIcon from "@patternfly/react-icons/dist/esm/icons/undo-icon";
import { type Action, defineAction } from "@/actions/action";
import { haven } from "@/actions/cli";
import { haven as routes } from "@/api/haven";
import { call } from "@/api/rpc";
import type { Item } from "@/store/hooks";
import { ClearDialog, TakeDialog } from "./dialogs";

export async function clear(alerts: ReadonlyArray<Item<"message">>): Promise<void> {
  await call("message.destroy_many", alerts.map((alert) => alert.$ref));
}

const base = {
  of: "message",
  group: "remove",
  isBulk: true,
  icon: CheckIcon,
  label: "alert-clear",
  cli: (alert) => haven("alert", "dismiss", alert.uuid),
  runAll: clear,
} satisfies Partial<Action<"message">>;

/** One line, of one alert or of several that say the same. */
export const clearLine = defineAction<"message">({ ...base, id: "message.clear" });
/** Whatever is chosen, or shown, or about one object: asks first and says what, for they do not come back. */
export const clearMany = defineAction<"message">({ ...base, id: "message.clear-many", dialog: ClearDialog });
/** Says to everybody who deals with it. */
export const take = defineAction<"message">({
  ...base,
  id: "message.take",
  label: "alert-take",
  group: "change",
  icon: HandPaperIcon,
  cli: (alert) => haven("alert", "acknowledge", alert.uuid),
  dialog: TakeDialog,
});
export const giveBack = defineAction<"message">({
  ...base,
  id: "message.give-back",
  label: "alert-give-back",
  group: "change",
  icon: UndoIcon,
  cli: (alert) => haven("alert", "acknowledge", alert.uuid, "--undo"),
  runAll: async (alerts) => {
    await routes.acknowledge({ alerts: alerts.map((alert) => alert.uuid), undo: true });
  },
});
