// The machine's page: overview, console, disks, history, and everything that is done with machines.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { vmActions } from "./actions";
import { VmDisks, VmHistory, VmOverview } from "./tabs";

export const area: Area = {
  tabs: [
    defineTab({ of: "vm", id: "overview", label: "tab-overview", order: 0, component: VmOverview }),
    // Screen and terminal are large, and not needed before somebody looks.
    defineTab({ of: "vm", id: "console", label: "tab-console", order: 10, component: lazy(() => import("./Console")) }),
    defineTab({ of: "vm", id: "disks", label: "tab-disks", order: 20, component: VmDisks }),
    defineTab({ of: "vm", id: "history", label: "tab-history", order: 90, component: VmHistory }),
  ],
  actions: vmActions,
};
