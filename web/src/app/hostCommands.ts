// What mends a host, typed on the host itself: setting it up is not for a page that anybody may open.

import { OWN_ZONE } from "@/i18n/preferred";

/** By the name of the check. */
export const HOST_COMMANDS: Record<string, string> = {
  hypervisor: "sudo systemctl enable --now libvirtd",
  virtualisation: "sudo modprobe kvm_intel || sudo modprobe kvm_amd",
  links: "ip -br link",
  address: "sudo nmtui",
  name: "sudo hostnamectl set-hostname host1",
  clock: "sudo timedatectl set-ntp true",
  zone: `sudo timedatectl set-timezone ${OWN_ZONE}`,
};
