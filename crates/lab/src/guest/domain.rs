//! A libvirt domain for a lab guest, for tests below the product.

/// What a domain needs.
#[derive(Clone, Debug)]
pub struct DomainXml {
    /// Name of the guest and the domain.
    pub name: String,
    /// Its number: address 10.77.1.`number`, and part of its hardware address.
    pub number: u8,
    /// Path of its disk in the host.
    pub disk: String,
    /// Directory in the host that holds `vmlinuz` and `initrd`.
    pub boot: String,
}

impl DomainXml {
    /// Address of the guest.
    pub fn address(&self) -> String {
        address(self.number)
    }

    /// Kernel command line of the guest.
    pub fn command_line(&self) -> String {
        command_line(&self.name, self.number)
    }

    /// The domain. Its serial console goes to `/var/log/<name>.serial` in the host.
    pub fn render(&self) -> String {
        let Self { name, number, disk, boot } = self;
        let uuid = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, name.as_bytes());
        let args = self.command_line();
        format!(
            "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>\
             <memory unit='MiB'>128</memory><vcpu>1</vcpu>\
             <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{boot}/vmlinuz</kernel>\
             <initrd>{boot}/initrd</initrd><cmdline>{args}</cmdline></os>\
             <features><acpi/></features>\
             <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>\
             <clock offset='utc'/><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>\
             <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>\
             <disk type='file' device='disk'>\
             <driver name='qemu' type='qcow2' cache='none' io='threads' error_policy='stop'/>\
             <source file='{disk}'/><target dev='vda' bus='virtio'/></disk>\
             <interface type='bridge'><mac address='52:54:00:77:01:{number:02x}'/>\
             <source bridge='xbr0'/><model type='virtio'/></interface>\
             <serial type='file'><source path='/var/log/{name}.serial'/><target port='0'/></serial>\
             <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>\
             <memballoon model='virtio'/>\
             <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\
             </devices></domain>"
        )
    }
}

/// Address of guest `number`.
pub fn address(number: u8) -> String {
    format!("10.77.1.{number}")
}

/// Kernel command line of guest `number`.
pub fn command_line(name: &str, number: u8) -> String {
    format!("console=ttyS0 quiet lab.name={name} lab.ip={}/16", address(number))
}
