// Adding a host: a token of the pool, carried to the new host.
import ServerIcon from "@patternfly/react-icons/dist/esm/icons/server-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";

export const area: Area = {
  routes: [{ path: "new/host", component: lazy(() => import("./AddHost")) }],
  commands: [{ id: "new-host", label: "new-host", to: "/new/host", isNew: 1, icon: ServerIcon }],
};
