// Every screen, by its address: it is photographed, looked at by axe, and walked by keyboard.
// Rows of the mock have fixed uuids (src/mock/data.ts): kind, then number.

const uuid = (kind: number, index: number): string =>
  `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;

export const HOST = uuid(1, 1);
export const SR = uuid(3, 1);
/** A machine that runs. */
export const VM = uuid(4, 0);

export interface Screen {
  name: string;
  path: string;
  /** What is there when the screen is whole: the name of a heading. */
  heading: string | RegExp;
}

export const SCREENS: readonly Screen[] = [
  { name: "overview", path: "/", heading: "School" },
  { name: "hosts", path: "/pool/hosts", heading: "School" },
  { name: "machines", path: "/pool/vms", heading: "School" },
  { name: "storage", path: "/pool/storage", heading: "School" },
  { name: "networks", path: "/pool/networks", heading: "School" },
  { name: "availability", path: "/pool/availability", heading: "School" },
  { name: "history", path: "/pool/history", heading: "School" },
  { name: "alerts", path: "/alerts", heading: "Alerts" },
  { name: "add-host", path: "/new/host", heading: "Add a host" },
  { name: "machine", path: `/vm/${VM}`, heading: "web1" },
  { name: "machine-console", path: `/vm/${VM}/console`, heading: "web1" },
  { name: "machine-networks", path: `/vm/${VM}/networks`, heading: "web1" },
  { name: "machine-settings", path: `/vm/${VM}/settings`, heading: "web1" },
  { name: "machine-protection", path: `/vm/${VM}/protection`, heading: "web1" },
  { name: "machine-history", path: `/vm/${VM}/history`, heading: "web1" },
  { name: "machine-disks", path: `/vm/${VM}/disks`, heading: "web1" },
  { name: "machine-snapshots", path: `/vm/${VM}/snapshots`, heading: "web1" },
  { name: "machine-performance", path: `/vm/${VM}/performance`, heading: "web1" },
  { name: "host-performance", path: `/host/${HOST}/performance`, heading: "host1" },
  { name: "pool-performance", path: "/pool/performance", heading: "School" },
  { name: "host", path: `/host/${HOST}`, heading: "host1" },
  { name: "host-networks", path: `/host/${HOST}/networks`, heading: "host1" },
  { name: "host-machines", path: `/host/${HOST}/vms`, heading: "host1" },
  { name: "import", path: "/new/import", heading: "Import a machine" },
  { name: "alerts-by-object", path: "/alerts?severity=danger&by=object", heading: "Alerts" },
  { name: "alerts-open", path: "/alerts?state=open&by=severity", heading: "Alerts" },
  { name: "help", path: "/help/storage-lost", heading: "Storage is lost" },
  { name: "availability-any", path: "/pool/availability?fails=any-2", heading: "School" },
  { name: "availability-messages", path: "/pool/availability?messages=open", heading: "School" },
  { name: "storage-page", path: `/sr/${SR}`, heading: "vms" },
  { name: "storage-disks", path: `/sr/${SR}/disks`, heading: "vms" },
  { name: "storage-paths", path: `/sr/${SR}/paths`, heading: "vms" },
  { name: "storage-performance", path: `/sr/${SR}/performance`, heading: "vms" },
  { name: "storage-settings", path: `/sr/${SR}/settings`, heading: "vms" },
  { name: "storage-history", path: `/sr/${SR}/history`, heading: "vms" },
  { name: "host-storage", path: `/host/${HOST}/storage`, heading: "host1" },
  { name: "host-console", path: `/host/${HOST}/console`, heading: "host1" },
  { name: "host-settings", path: `/host/${HOST}/settings`, heading: "host1" },
  { name: "pool-settings", path: "/pool/settings", heading: "School" },
  { name: "compare", path: `/pool/performance?of=machines&vms=${[0, 1, 2, 3].map((index) => uuid(4, index)).join(",")}`, heading: "School" },
  { name: "new-image", path: "/new/image", heading: "Add an ISO image" },
  { name: "library-images", path: `/sr/${uuid(3, 2)}/disks`, heading: "images" },
  { name: "new-machine", path: "/new/vm", heading: "New machine" },
  { name: "new-network", path: "/new/network", heading: "New network" },
  { name: "new-storage", path: "/new/storage", heading: "New storage" },
  { name: "protect", path: "/protect", heading: "Turn on protection" },
];
