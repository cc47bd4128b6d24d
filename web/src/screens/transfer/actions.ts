// Saving a machine to a file.
import DownloadIcon from "@patternfly/react-icons/dist/esm/icons/download-icon";
import { type Action, defineAction } from "@/actions/action";
import { xe } from "@/actions/cli";
import { download } from "@/ui/save";

export const transferActions = [
  defineAction<"VM">({
    id: "vm.export",
    of: "VM",
    label: "vm-export",
    icon: DownloadIcon,
    group: "move",
    confirm: "simple",
    confirmText: "vm-export-body",
    blocked: (vm) => (vm.power_state === "Halted" ? undefined : { id: "vm-must-be-off" }),
    cli: (vm) => xe("vm-export", { vm: vm.name_label, filename: `${vm.name_label}.xva` }),
    run: (vm) => {
      download(`/ui/export?uuid=${vm.uuid}`, `${vm.name_label}.xva`);
      return Promise.resolve(undefined);
    },
  }),
] as unknown as Action[];
