// W4 and W5: new storage, and the page of a storage repository.
import StorageIcon from "@patternfly/react-icons/dist/esm/icons/database-icon";
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { srActions } from "./actions";
import { SrDisks } from "./Disks";
import { SrPaths } from "./Paths";
import { SrHistory, SrOverview } from "./tabs";

export const area: Area = {
  tabs: [
    defineTab({ of: "sr", id: "overview", label: "tab-overview", order: 0, component: SrOverview }),
    defineTab({ of: "sr", id: "disks", label: "tab-disks", order: 10, component: SrDisks }),
    defineTab({ of: "sr", id: "paths", label: "tab-paths", order: 20, component: SrPaths }),
    defineTab({ of: "sr", id: "settings", label: "tab-settings", order: 80, component: lazy(() => import("./Settings")) }),
    defineTab({ of: "sr", id: "history", label: "tab-history", order: 90, component: SrHistory }),
  ],
  routes: [{ path: "new/storage", component: lazy(() => import("./NewStorage")) }],
  commands: [{ id: "new-storage", label: "new-storage", to: "/new/storage", isNew: 2, icon: StorageIcon }],
  actions: srActions,
};
