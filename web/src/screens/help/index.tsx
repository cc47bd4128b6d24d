// What to do when: the runbooks, as the repository has them.
import BookIcon from "@patternfly/react-icons/dist/esm/icons/book-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";

export const area: Area = {
  routes: [
    { path: "help", component: lazy(() => import("./Help")) },
    { path: "help/:runbook", component: lazy(() => import("./Help")) },
  ],
  commands: [{ id: "help", label: "help-runbooks", to: "/help", icon: BookIcon }],
};
