// The pool's own page: overview and the lists of what it has.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { HostsTab, NetworksTab, StorageTab, VmsTab } from "./lists";
import { PoolOverview } from "./Overview";

export const area: Area = {
  tabs: [
    defineTab({ of: "pool", id: "overview", label: "tab-overview", order: 0, component: PoolOverview }),
    defineTab({ of: "pool", id: "hosts", label: "tab-hosts", order: 10, component: HostsTab }),
    defineTab({ of: "pool", id: "vms", label: "tab-vms", order: 20, component: VmsTab }),
    defineTab({ of: "pool", id: "storage", label: "tab-storage", order: 30, component: StorageTab }),
    defineTab({ of: "pool", id: "networks", label: "tab-networks", order: 40, component: NetworksTab }),
    defineTab({ of: "pool", id: "settings", label: "tab-settings", order: 80, component: lazy(() => import("./Settings")) }),
    defineTab({
      of: "pool",
      id: "history",
      label: "tab-history",
      order: 90,
      component: lazy(() => import("./History")),
    }),
  ],
};
