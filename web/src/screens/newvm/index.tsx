// W7: a new machine.
import VirtualMachineIcon from "@patternfly/react-icons/dist/esm/icons/virtual-machine-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";

export const area: Area = {
  routes: [{ path: "new/vm", component: lazy(() => import("./NewVm")) }],
  commands: [{ id: "new-vm", label: "new-vm", to: "/new/vm", isNew: 0, icon: VirtualMachineIcon }],
};
