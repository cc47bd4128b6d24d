// W12 and W13: the Availability tab, turning protection on, and what machines are protected how.
import ShieldIcon from "@patternfly/react-icons/dist/esm/icons/shield-alt-icon";
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { poolActions, vmActions } from "./actions";

export const area: Area = {
  tabs: [
    defineTab({
      of: "pool",
      id: "availability",
      label: "tab-availability",
      order: 50,
      component: lazy(() => import("./Availability")),
    }),
  ],
  routes: [{ path: "protect", component: lazy(() => import("./ProtectWizard")) }],
  actions: [...poolActions, ...vmActions],
  commands: [{ id: "protect", label: "protect-turn-on", to: "/protect", icon: ShieldIcon }],
};
