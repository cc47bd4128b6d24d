// A new network; and what "New" cannot make from here, with its reason.
import ClusterIcon from "@patternfly/react-icons/dist/esm/icons/cluster-icon";
import NetworkIcon from "@patternfly/react-icons/dist/esm/icons/network-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";

export const area: Area = {
  routes: [{ path: "new/network", component: lazy(() => import("./NewNetwork")) }],
  commands: [
    { id: "new-network", label: "new-network", to: "/new/network", isNew: 3, icon: NetworkIcon },
    { id: "new-pool", label: "new-pool", to: "/", isNew: 4, icon: ClusterIcon, blocked: "new-pool-why" },
  ],
};
