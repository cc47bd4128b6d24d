// Disks and interfaces of machines in the mock pool: made, plugged in and out, and taken away.
import type { Records } from "@/generated/xenapi";
import type { MockTables } from "./tables";

type Method = (params: readonly unknown[]) => unknown;

export function deviceMethods(tables: MockTables): Record<string, Method> {
  const plugged = (of: "VBD" | "VIF", to: boolean): Method => ([ref]) => {
    tables.update(of, String(ref), { currently_attached: to });
    return "";
  };
  const gone = (of: "VBD" | "VIF" | "VDI"): Method => ([ref]) => {
    tables.remove(of, String(ref));
    return "";
  };
  const resize: Method = ([ref, size]) => {
    tables.update("VDI", String(ref), { virtual_size: Number(size) });
    return "";
  };
  return {
    "VBD.create": ([given]) => {
      const record = given as Partial<Records["VBD"]>;
      const taken = tables.all("VBD").filter(([, vbd]) => vbd.VM === record.VM).length;
      const vbd = tables.insert("VBD", { ...record, userdevice: String(taken), device: `vd${String.fromCharCode(97 + taken)}`, currently_attached: false, allowed_operations: [], current_operations: {} });
      const vdi = tables.get("VDI", record.VDI ?? "");
      if (vdi !== undefined) tables.update("VDI", record.VDI ?? "", { VBDs: [...vdi.VBDs, vbd] });
      const vm = tables.get("VM", record.VM ?? "");
      if (vm !== undefined) tables.update("VM", record.VM ?? "", { VBDs: [...vm.VBDs, vbd] });
      return vbd;
    },
    "VIF.create": ([given]) => {
      const record = given as Partial<Records["VIF"]>;
      const taken = tables.all("VIF").filter(([, vif]) => vif.VM === record.VM).length;
      const mac = record.MAC === "" || record.MAC === undefined ? `52:54:00:00:ff:0${taken}` : record.MAC;
      return tables.insert("VIF", { ...record, device: String(taken), MAC: mac, currently_attached: false, allowed_operations: [], current_operations: {} });
    },
    "VDI.create": ([record]) =>
      tables.insert("VDI", { physical_utilisation: 0, VBDs: [], is_a_snapshot: false, managed: true, ...(record as Partial<Records["VDI"]>), allowed_operations: ["resize", "destroy"], current_operations: {} }),
    "VBD.plug": plugged("VBD", true),
    "VBD.unplug": plugged("VBD", false),
    "VBD.destroy": ([ref]) => {
      const of = tables.get("VBD", String(ref))?.VM ?? "";
      tables.update("VM", of, { VBDs: (tables.get("VM", of)?.VBDs ?? []).filter((each) => each !== ref) });
      return gone("VBD")([ref]);
    },
    "VIF.plug": plugged("VIF", true),
    "VIF.unplug": plugged("VIF", false),
    "VIF.destroy": gone("VIF"),
    "VIF.move": ([ref, network]) => {
      tables.update("VIF", String(ref), { network: String(network) });
      return "";
    },
    "VDI.pool_migrate": ([ref, sr]) => {
      tables.update("VDI", String(ref), { SR: String(sr) });
      const users = tables.all("VBD").filter(([, vbd]) => vbd.VDI === ref && vbd.currently_attached);
      for (const [, vbd] of users) {
        const metrics = tables.get("VM", vbd.VM)?.metrics ?? "";
        if (tables.get("VM_metrics", metrics) !== undefined) tables.update("VM_metrics", metrics, { other_config: { last_disk_move_pause_ms: "61", last_disk_move_ms: "41000", last_disk_move_bytes: String(8 * 2 ** 30) } });
      }
      return ref;
    },
    "VDI.resize": resize,
    "VDI.resize_online": resize,
    "VDI.destroy": gone("VDI"),
  };
}

/** How hosts are switched off and on by their devices. */
export function powerControl(tables: MockTables): Record<string, Method> {
  return {
    "host.set_power_on_mode": ([ref, mode, config]) => {
      const { password: _hidden, ...told } = config as Record<string, string>;
      tables.update("host", String(ref), { power_on_mode: String(mode), power_on_config: told });
      return "";
    },
    "host.call_plugin": ([ref, , fn]) => {
      if (fn === "agents") return JSON.stringify(["fence_ipmilan", "fence_redfish"]);
      const others = tables.all("host").filter(([host]) => host !== ref);
      return JSON.stringify(others.map(([, host]) => ({ from: host.name_label, power: "on", error: null, ms: 140 })));
    },
  };
}
