// Machines chosen anywhere, beside each other in graphs.
import ChartLineIcon from "@patternfly/react-icons/dist/esm/icons/chart-line-icon";
import { type Action, defineAction } from "@/actions/action";
import type { Item } from "@/store/hooks";
import { type Extent, question, type Range, type Subject } from "./rrd";

/** The line that asks each host for the same values; any host of the pool takes it. */
export function archiveLines(subject: Subject, range: Range, extent: Extent): string[] {
  return subject.hosts.map((host) => `curl -u root 'https://${window.location.host}/rrd_updates?${question(subject, host, range, extent)}'`);
}

/** Of one machine that is only chosen yet. */
function archiveLine(vm: Item<"VM">): string {
  return `curl -u root 'https://${window.location.host}/rrd_updates?json=true&cf=AVERAGE&start=-600&vm_uuid=${vm.uuid}'`;
}

export const performanceActions = [
  defineAction<"VM">({
    id: "vm.compare",
    of: "VM",
    label: "compare-do",
    icon: ChartLineIcon,
    group: "change",
    isBulk: true,
    isHidden: (vm) => vm.is_a_template,
    blocked: (vm) => (vm.power_state === "Running" ? undefined : { id: "compare-needs-running" }),
    cli: archiveLine,
    to: (_vm, vms) => `/pool/performance?of=machines&vms=${vms.map((vm) => vm.uuid).join(",")}`,
  }),
] as unknown as Action[];
