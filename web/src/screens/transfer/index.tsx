// Machines as files: brought into the pool from an XVA file, and saved to one.
import UploadIcon from "@patternfly/react-icons/dist/esm/icons/upload-icon";
import { lazy } from "react";
import type { Area } from "@/app/areas";
import { transferActions } from "./actions";

export const area: Area = {
  routes: [{ path: "new/import", component: lazy(() => import("./Import")) }],
  commands: [{ id: "new-import", label: "import-title", to: "/new/import", isNew: 6, icon: UploadIcon }],
  actions: transferActions,
};
