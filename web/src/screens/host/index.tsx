// W3: the page of a host, as far as the API goes.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { hostActions } from "./actions";
import { HostHistory, HostOverview, HostVms, NetworkOverview } from "./tabs";

export const area: Area = {
  tabs: [
    defineTab({ of: "host", id: "overview", label: "tab-overview", order: 0, component: HostOverview }),
    defineTab({ of: "host", id: "vms", label: "tab-vms", order: 10, component: HostVms }),
    defineTab({ of: "host", id: "storage", label: "tab-storage", order: 15, component: lazy(() => import("./Storage")) }),
    defineTab({ of: "host", id: "settings", label: "tab-settings", order: 80, component: lazy(() => import("./Settings")) }),
    defineTab({ of: "host", id: "networks", label: "tab-networks", order: 20, component: lazy(() => import("./Networks")) }),
    defineTab({ of: "host", id: "console", label: "tab-console", order: 25, component: lazy(() => import("./Console")) }),
    defineTab({ of: "host", id: "history", label: "tab-history", order: 90, component: HostHistory }),
    defineTab({ of: "network", id: "overview", label: "tab-overview", order: 0, component: NetworkOverview }),
  ],
  actions: hostActions,
};
