// Networks of the mock pool, and the VLANs that carry them.
import type { Records } from "@/generated/xenapi";
import { NULL } from "./data";
import type { MockTables } from "./tables";

type Method = (params: readonly unknown[]) => unknown;

export function networkMethods(tables: MockTables): Record<string, Method> {
  return {
    "network.create": ([record]) => {
      const given = record as Partial<Records["network"]>;
      return tables.insert("network", { ...given, bridge: `xapi${tables.all("network").length}`, PIFs: [], VIFs: [], allowed_operations: [], current_operations: {} });
    },
    "network.destroy": ([ref]) => {
      tables.remove("network", String(ref));
      return "";
    },
    "pool.create_VLAN": ([device, network, tag]) => {
      const pifs = tables.all("host").map(([host]) => tables.insert("PIF", { host, network: String(network), device: String(device), MAC: "52:54:00:aa:00:09", IP: "", management: false, physical: false, currently_attached: true, MTU: 1500, VLAN: Number(tag), metrics: NULL }));
      tables.update("network", String(network), { PIFs: pifs });
      return "";
    },
    "VLAN.create": ([port, tag, network]) => {
      const { host = "", device = "" } = tables.get("PIF", String(port)) ?? {};
      const pif = tables.insert("PIF", { host, network: String(network), device, MAC: "52:54:00:aa:00:09", IP: "", management: false, physical: false, currently_attached: true, MTU: 1500, VLAN: Number(tag), metrics: NULL });
      tables.update("network", String(network), { PIFs: [...(tables.get("network", String(network))?.PIFs ?? []), pif] });
      return pif;
    },
  };
}
