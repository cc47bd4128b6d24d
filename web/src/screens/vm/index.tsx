// The machine's page: overview, console, disks, networks, protection, settings, history, and everything that is
// done with machines.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { vmActions } from "./actions";
import { deviceActions } from "./devices";
import { VmHistory, VmOverview } from "./tabs";

export const area: Area = {
  tabs: [
    defineTab({ of: "vm", id: "overview", label: "tab-overview", order: 0, component: VmOverview }),
    // Screen and terminal are large, and not needed before somebody looks.
    defineTab({ of: "vm", id: "console", label: "tab-console", order: 10, component: lazy(() => import("./Console")) }),
    defineTab({ of: "vm", id: "disks", label: "tab-disks", order: 20, component: lazy(() => import("./Disks")) }),
    defineTab({ of: "vm", id: "networks", label: "tab-networks", order: 30, component: lazy(() => import("./Networks")) }),
    defineTab({ of: "vm", id: "protection", label: "tab-protection", order: 50, component: lazy(() => import("./Protection")) }),
    defineTab({ of: "vm", id: "settings", label: "tab-settings", order: 80, component: lazy(() => import("./Settings")) }),
    defineTab({ of: "vm", id: "history", label: "tab-history", order: 90, component: VmHistory }),
  ],
  actions: [...vmActions, ...deviceActions],
};
