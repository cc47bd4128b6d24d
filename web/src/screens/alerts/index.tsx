// W16: alerts, and the history of what was done.
import BellIcon from "@patternfly/react-icons/dist/esm/icons/bell-icon";
import type { Area } from "@/app/areas";
import { AlertsPage } from "./AlertsPage";

export const area: Area = {
  routes: [{ path: "alerts", component: AlertsPage }],
  commands: [{ id: "alerts", label: "alerts", to: "/alerts", icon: BellIcon }],
};
