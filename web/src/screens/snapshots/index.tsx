// W10: the snapshots of a machine: taken, gone back to, deleted.
import { lazy } from "react";
import { type Area, defineTab } from "@/app/areas";
import { snapshotActions } from "./actions";

export const area: Area = {
  tabs: [defineTab({ of: "vm", id: "snapshots", label: "tab-snapshots", order: 40, component: lazy(() => import("./Snapshots")) })],
  actions: snapshotActions,
};
