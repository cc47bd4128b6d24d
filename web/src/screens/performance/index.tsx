// W17: what machines, hosts and the pool use, over time. The graphs are loaded when somebody looks.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { performanceActions } from "./actions";

export const area: Area = {
  tabs: [
    defineTab({ of: "vm", id: "performance", label: "tab-performance", order: 60, component: lazy(() => import("./VmPerformance")) }),
    defineTab({ of: "host", id: "performance", label: "tab-performance", order: 30, component: lazy(() => import("./HostPerformance")) }),
    defineTab({ of: "pool", id: "performance", label: "tab-performance", order: 50, component: lazy(() => import("./PoolPerformance")) }),
    defineTab({ of: "sr", id: "performance", label: "tab-performance", order: 60, component: lazy(() => import("./SrPerformance")) }),
  ],
  actions: performanceActions,
  commands: [{ id: "compare", label: "compare-do", to: "/pool/performance?of=machines" }],
};
