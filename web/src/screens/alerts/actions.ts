// What is done with alerts: they are cleared when they were dealt with.
import CheckIcon from "@patternfly/react-icons/dist/esm/icons/check-icon";
import { type Action, defineAction } from "@/actions/action";
import { haven } from "@/actions/cli";
import { call } from "@/api/rpc";

const base = {
  of: "message",
  group: "remove",
  isBulk: true,
  icon: CheckIcon,
  cli: (alert) => haven("alert", "dismiss", alert.uuid),
  runAll: async (alerts) => {
    await call("message.destroy_many", alerts.map((alert) => alert.$ref));
  },
} satisfies Partial<Action<"message">>;

/** One line, of one alert or of several that say the same. */
export const clearLine = defineAction<"message">({ ...base, id: "message.clear", label: "alert-clear" });
/** Whatever is chosen, or shown: asks first, for they do not come back. */
export const clearMany = defineAction<"message">({ ...base, id: "message.clear-many", label: "alert-clear", confirm: "simple", confirmText: "alerts-clear-body" });
