// CD images: brought into a library of the pool.
import CompactDiscIcon from "@patternfly/react-icons/dist/esm/icons/compact-disc-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";

export const area: Area = {
  routes: [{ path: "new/image", component: lazy(() => import("./NewImage")) }],
  commands: [{ id: "new-iso", label: "new-iso", to: "/new/image", isNew: 5, icon: CompactDiscIcon }],
};
