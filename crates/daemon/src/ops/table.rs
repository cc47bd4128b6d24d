//! Which handler answers which message.

use super::readdress;
use super::stats;
use super::{
    Handler, absent, appliance, certificate, event, fencing, ha_pause, host, host_down, host_power,
    hotplug, join, message, network, pbd, pif, pool, pool_ha, sr, subject, task, vbd, vdi,
    vdi_copy, vdi_move, vif,
    vm::{
        clone, create, firmware, ha, live, memory, migrate, migrate_send, power, query, revert,
        snapshot, suspend,
    },
    vm_group,
};
use crate::dispatch::{change_password, logout, logout_subject, subject_identifiers};

macro_rules! handlers {
    ($($name:literal => $handler:path,)*) => {
        /// The handler of a message, if it has one.
        #[must_use]
        pub fn handler(name: &str) -> Option<Handler> {
            match name {
                $($name => Some(|call| Box::pin($handler(call))),)*
                _ => None,
            }
        }

        /// All messages that have one.
        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

handlers! {
    "session.logout" => logout,
    "session.local_logout" => logout,
    "session.change_password" => change_password,
    "session.get_all_subject_identifiers" => subject_identifiers,
    "session.logout_subject_identifier" => logout_subject,

    "subject.create" => subject::create,
    "subject.destroy" => subject::destroy,
    "subject.add_to_roles" => subject::add_to_roles,
    "subject.remove_from_roles" => subject::remove_from_roles,
    "subject.get_permissions_name_label" => subject::permissions,
    "role.get_permissions_name_label" => subject::role_permissions,
    "role.get_by_permission_name_label" => subject::roles_with,
    "auth.get_subject_identifier" => subject::identifier,
    "auth.get_subject_information_from_identifier" => subject::information,
    "auth.get_group_membership" => subject::groups,

    "event.from" => event::from,
    "event.register" => event::register,
    "event.unregister" => event::unregister,
    "event.next" => event::next,
    "event.inject" => event::inject,
    "event.get_current_id" => event::get_current_id,

    "task.create" => task::create,
    "task.destroy" => task::destroy,
    "task.cancel" => task::cancel,
    "task.set_status" => task::set_status,

    "message.create" => message::create,
    "message.destroy" => message::destroy,
    "message.destroy_all" => message::destroy_all,
    "message.destroy_many" => message::destroy_many,
    "message.get" => message::get,
    "message.get_since" => message::get_since,

    "pool.join" => join::join,
    "pool.join_force" => join::join,
    "pool.eject" => pool::eject,
    "pool.enable_ha" => pool::enable_ha,
    "pool.disable_ha" => pool::disable_ha,
    "pool.rotate_secret" => pool::rotate_secret,
    "pool.designate_new_master" => crate::ha::calls::designate_new_master,
    "pool.sync_database" => pool::sync_database,
    "pool.get_license_state" => pool::get_license_state,
    "pool.has_extension" => host::has_extension,
    "pool.set_ha_host_failures_to_tolerate" => pool_ha::set_failures_to_tolerate,
    "pool.ha_compute_max_host_failures_to_tolerate" => pool_ha::compute_max,
    "pool.ha_compute_hypothetical_max_host_failures_to_tolerate" => pool_ha::compute_hypothetical,
    "pool.ha_compute_vm_failover_plan" => pool_ha::compute_plan,
    "pool.ha_prevent_restarts_for" => ha_pause::prevent_restarts_for,
    "pool.ha_failover_plan_exists" => pool_ha::plan_exists,

    "host.disable" => host::disable,
    "host.enable" => host::enable,
    "host.evacuate" => host::evacuate,
    "host.destroy" => pool::forget_host,
    "host.declare_dead" => pool::declare_dead,
    "host.assert_can_evacuate" => host::assert_can_evacuate,
    "host.get_vms_which_prevent_evacuation" => host::get_vms_which_prevent_evacuation,
    "host.get_servertime" => host::get_servertime,
    "host.get_server_localtime" => host::get_servertime,
    "host.compute_free_memory" => host::compute_free_memory,
    "host.compute_memory_overhead" => host::compute_memory_overhead,
    "host.get_management_interface" => host::get_management_interface,
    "host.get_server_certificate" => certificate::get,
    "host.install_server_certificate" => certificate::install,
    "host.reset_server_certificate" => certificate::reset,
    "host.power_on" => fencing::power_on,
    "host.set_power_on_mode" => fencing::set_power_on_mode,
    "secret.create" => fencing::create_secret,
    "secret.introduce" => fencing::create_secret,
    "secret.destroy" => fencing::destroy_secret,
    "host.call_plugin" => host::call_plugin,
    "host.has_extension" => host::has_extension,
    "host.get_data_sources" => stats::host_sources,
    "host.query_data_source" => stats::host_value,
    "host.record_data_source" => stats::host_recorded,
    "host.forget_data_source_archives" => stats::host_forget,
    "host.backup_rrds" => stats::backup,
    "host.sync_data" => pif::scan,

    "network.create" => network::create,
    "network.destroy" => network::destroy,
    "network.add_purpose" => network::purpose,
    "network.remove_purpose" => network::purpose,
    "network.set_default_locking_mode" => network::set_default_locking_mode,

    "host.reboot" => host_down::reboot,
    "host.shutdown" => host_down::shutdown,
    "host.management_reconfigure" => readdress::management_reconfigure,
    "host.set_address" => readdress::set_address,
    "host.list_methods" => host_power::list_methods,
    "host.get_uncooperative_resident_VMs" => host_power::none_uncooperative,
    "pool.recover_slaves" => host_power::recover_slaves,
    "VDI.introduce" => vdi::introduce,
    "VBD.assert_attachable" => hotplug::assert_attachable,

    "PIF.reconfigure_ip" => absent::address,
    "PIF.reconfigure_ipv6" => absent::address,
    "PIF.set_primary_address_type" => absent::address,
    "pool.management_reconfigure" => absent::address,
    "VM.set_domain_type" => absent::domain_type,
    "host.apply_edition" => absent::edition,
    "pool.apply_edition" => absent::edition,
    "host.set_ssl_legacy" => absent::legacy,
    "pool.disable_ssl_legacy" => absent::already,
    "pool.enable_tls_verification" => absent::already,
    "host.call_extension" => absent::extension,
    "pool.certificate_list" => absent::none,
    "pool.crl_list" => absent::none,
    "pool.detect_nonhomogeneous_external_auth" => absent::nothing_there,
    "pool.disable_external_auth" => absent::nothing_there,
    "host.disable_external_auth" => absent::nothing_there,
    "pool.enable_external_auth" => absent::external_auth,
    "host.enable_external_auth" => absent::external_auth,
    "pool.external_auth_set_ldaps" => absent::no_external_auth,
    "host.external_auth_set_ldaps" => absent::no_external_auth,
    "pool.deconfigure_wlb" => absent::nothing_there,
    "pool.send_wlb_configuration" => live::no_wlb,
    "pool.certificate_sync" => absent::nothing_there,
    "pool.disable_local_storage_caching" => absent::nothing_there,
    "host.disable_local_storage_caching" => absent::nothing_there,
    "host.enable_local_storage_caching" => absent::local_caching,
    "pool.set_https_only" => absent::https_only,
    "host.set_https_only" => absent::https_only,
    "pool.set_igmp_snooping_enabled" => absent::igmp,
    "pool.certificate_uninstall" => absent::no_certificate,
    "pool.uninstall_ca_certificate" => absent::no_certificate,
    "pool.crl_uninstall" => absent::no_crl,
    "host.license_add" => absent::license,
    "host.license_remove" => absent::nothing_there,
    "pool.get_guest_secureboot_readiness" => absent::guest_secureboot,
    "VDI.set_on_boot" => absent::on_boot,
    "PIF.scan" => pif::scan,
    "PIF.plug" => pif::plug,
    "PIF.unplug" => pif::unplug,
    "PIF.forget" => pif::forget,
    "PIF.introduce" => pif::introduce,
    "PIF.create_VLAN" => pif::create_on_host,
    "PIF.destroy" => pif::destroy_vlan,
    "VLAN.create" => pif::create_vlan,
    "VLAN.destroy" => pif::destroy_vlan,
    "pool.create_VLAN" => pif::create_in_pool,
    "pool.create_VLAN_from_PIF" => pif::create_in_pool,

    "SR.create" => sr::create,
    "SR.introduce" => sr::introduce,
    "SR.scan" => sr::scan,
    "SR.update" => sr::scan,
    "SR.forget" => sr::forget,
    "SR.destroy" => sr::destroy,
    "SR.probe" => sr::probe,
    "SR.probe_ext" => sr::probe_ext,
    "SR.get_supported_types" => sr::get_supported_types,
    "SR.get_live_hosts" => sr::get_live_hosts,
    "SR.set_shared" => sr::set,
    "SR.assert_can_host_ha_statefile" => sr::assert_can_host_ha_statefile,
    "SR.assert_supports_database_replication" => sr::assert_can_host_ha_statefile,
    "SR.get_data_sources" => host::no_data_sources,
    "SR.query_data_source" => stats::sr_value,
    "SR.record_data_source" => stats::sr_value,
    "SR.forget_data_source_archives" => stats::sr_value,

    "PBD.create" => pbd::create,
    "PBD.destroy" => pbd::destroy,
    "PBD.plug" => pbd::plug,
    "PBD.unplug" => pbd::unplug,
    "PBD.set_device_config" => pbd::set_device_config,

    "VDI.create" => vdi::create,
    "VDI.destroy" => vdi::destroy,
    "VDI.resize" => vdi_copy::resize,
    "VDI.resize_online" => vdi_copy::resize,
    "VDI.copy" => vdi_copy::copy,
    "VDI.clone" => vdi_copy::clone,
    "VDI.snapshot" => vdi_copy::snapshot,
    "VDI.pool_migrate" => vdi_move::pool_migrate,
    "VDI.enable_cbt" => absent::changed_blocks,
    "VDI.disable_cbt" => absent::changed_blocks,
    "VDI.data_destroy" => absent::changed_blocks,
    "VDI.list_changed_blocks" => absent::changed_blocks,
    "VDI.get_nbd_info" => absent::nbd,
    "VDI.update" => vdi::update,
    "VDI.forget" => vdi::forget,

    "VBD.create" => vbd::create,
    "VBD.destroy" => vbd::destroy,
    "VBD.insert" => hotplug::change_medium,
    "VBD.eject" => hotplug::change_medium,
    "VBD.plug" => hotplug::plug_disk,
    "VBD.unplug" => hotplug::unplug_disk,
    "VBD.unplug_force" => hotplug::unplug_disk,
    "VBD.set_mode" => vbd::set_mode,
    "VBD.set_other_config" => vbd::configure,
    "VBD.add_to_other_config" => vbd::configure,

    "VIF.create" => vif::create,
    "VIF.destroy" => vif::destroy,
    "VIF.plug" => hotplug::plug_nic,
    "VIF.unplug" => hotplug::unplug_nic,
    "VIF.unplug_force" => hotplug::unplug_nic,
    "VIF.move" => hotplug::move_nic,
    "VIF.set_qos_algorithm_type" => hotplug::limit_nic,
    "VIF.set_qos_algorithm_params" => hotplug::limit_nic,
    "VIF.add_to_qos_algorithm_params" => hotplug::limit_nic,
    "VIF.remove_from_qos_algorithm_params" => hotplug::limit_nic,
    "VIF.set_locking_mode" => vif::set_locking_mode,
    "VIF.set_ipv4_allowed" => vif::allowed_addresses,
    "VIF.add_ipv4_allowed" => vif::allowed_addresses,
    "VIF.remove_ipv4_allowed" => vif::allowed_addresses,
    "VIF.set_ipv6_allowed" => vif::allowed_addresses,
    "VIF.add_ipv6_allowed" => vif::allowed_addresses,
    "VIF.remove_ipv6_allowed" => vif::allowed_addresses,

    "VM_appliance.create" => appliance::create,
    "VM_appliance.destroy" => appliance::destroy,
    "VM_appliance.start" => appliance::start,
    "VM_appliance.clean_shutdown" => appliance::clean_shutdown,
    "VM_appliance.hard_shutdown" => appliance::hard_shutdown,
    "VM_appliance.shutdown" => appliance::shutdown,


    "VM.set_VCPUs_number_live" => live::set_vcpus_number_live,
    "VM.set_memory_target_live" => live::set_memory_target_live,
    "VM.send_trigger" => live::send_trigger,
    "VM.get_cooperative" => live::get_cooperative,
    "VM.maximise_memory" => live::maximise_memory,
    "VM.get_boot_record" => live::get_boot_record,
    "VM.query_services" => live::query_services,
    "VM.call_plugin" => live::call_plugin,
    "VM.call_host_plugin" => live::call_plugin,
    "VM.retrieve_wlb_recommendations" => live::no_wlb,
    "host.retrieve_wlb_evacuate_recommendations" => live::no_wlb,
    "pool.retrieve_wlb_recommendations" => live::no_wlb,
    "pool.retrieve_wlb_configuration" => live::no_wlb,
    "VM.set_blocked_operations" => live::blocked_operations,
    "VM.add_to_blocked_operations" => live::blocked_operations,
    "VM.remove_from_blocked_operations" => live::blocked_operations,
    "VM.migrate_send" => migrate_send::migrate_send,
    "VM.assert_can_migrate" => migrate_send::assert_can_migrate,
    "host.migrate_receive" => migrate_send::migrate_receive,
    "VM.create" => create::create,
    "VM.destroy" => create::destroy,
    "VM.set_is_a_template" => create::set_is_a_template,
    "VM.snapshot" => snapshot::snapshot,
    "VM.checkpoint" => snapshot::checkpoint,
    "VM.revert" => revert::revert,
    "VM.clone" => clone::clone,
    "VM.copy" => clone::copy,
    "VM.provision" => clone::provision,
    "VM.start" => power::start,
    "VM.start_on" => power::start_on,
    "VM.resume" => power::resume,
    "VM.resume_on" => power::resume_on,
    "VM.suspend" => suspend::suspend,
    "VM.pause" => power::pause,
    "VM.unpause" => power::unpause,
    "VM.clean_shutdown" => power::clean_shutdown,
    "VM.hard_shutdown" => power::hard_shutdown,
    "VM.shutdown" => power::shutdown,
    "VM.clean_reboot" => power::clean_reboot,
    "VM.hard_reboot" => power::hard_reboot,
    "VM.power_state_reset" => power::power_state_reset,
    "VM.pool_migrate" => migrate::pool_migrate,
    "VM.get_possible_hosts" => query::get_possible_hosts,
    "VM.assert_can_boot_here" => query::assert_can_boot_here,
    "VM.assert_agile" => query::assert_agile,
    "VM.assert_operation_valid" => query::assert_operation_valid,
    "VM.update_allowed_operations" => query::update_allowed_operations,
    "VM.get_allowed_VBD_devices" => query::get_allowed_vbd_devices,
    "VM.get_allowed_VIF_devices" => query::get_allowed_vif_devices,
    "VM.compute_memory_overhead" => memory::compute_memory_overhead,
    "VM.get_data_sources" => stats::vm_sources,
    "VM.query_data_source" => stats::vm_value,
    "VM.record_data_source" => stats::vm_recorded,
    "VM.forget_data_source_archives" => stats::vm_forget,
    "VM.set_bios_strings" => firmware::set_strings,
    "VM.copy_bios_strings" => firmware::copy_strings,
    "VM.set_HVM_shadow_multiplier" => firmware::set_shadow_multiplier,
    "VM.set_shadow_multiplier_live" => firmware::set_shadow_multiplier,
    "VM.get_secureboot_readiness" => firmware::secureboot,
    "VM.wait_memory_target_live" => live::wait_memory_target,
    "VM.set_groups" => vm_group::set_groups,
    "VM_group.create" => vm_group::create,
    "VM_group.destroy" => vm_group::destroy,
    "VM.set_other_config" => ha::configure,
    "VM.add_to_other_config" => ha::configure,
    "VM.set_ha_restart_priority" => ha::set_ha_restart_priority,
    "VM.set_ha_always_run" => ha::set_ha_always_run,
    "VM.set_order" => ha::set_order,
    "VM.set_start_delay" => ha::set_start_delay,
    "VM.set_shutdown_delay" => ha::set_shutdown_delay,
    "VM.set_memory" => memory::set_memory,
    "VM.set_memory_limits" => memory::set_memory_limits,
    "VM.set_memory_static_max" => memory::set_memory_static_max,
    "VM.set_memory_static_min" => memory::set_memory_static_min,
    "VM.set_memory_static_range" => memory::set_memory_static_range,
    "VM.set_memory_dynamic_max" => memory::set_memory_dynamic_max,
    "VM.set_memory_dynamic_min" => memory::set_memory_dynamic_min,
    "VM.set_memory_dynamic_range" => memory::set_memory_dynamic_range,
    "VM.set_VCPUs_max" => memory::set_vcpus_max,
    "VM.set_platform" => memory::set_platform,
    "VM.add_to_platform" => memory::set_platform,
    "VM.set_VCPUs_at_startup" => memory::set_vcpus_at_startup,
}

#[cfg(test)]
mod tests {
    use haven_api::Registry;

    use super::{NAMES, handler};

    #[test]
    fn every_handler_answers_a_message_that_exists() {
        for name in NAMES {
            assert!(Registry::standard().find(name).is_some(), "{name}");
            assert!(handler(name).is_some());
        }
        assert!(handler("VM.sing").is_none());
    }

    /// What administrators of pools do by the API is built, and the list of the rest is whole.
    #[test]
    fn what_is_not_built_is_listed() {
        let unbuilt: Vec<&str> = super::super::unbuilt().collect();
        let built = ["join", "join_force", "eject", "designate_new_master", "recover_slaves"];
        let emergency = ["emergency_transition_to_master", "emergency_reset_master"];
        for name in built.iter().chain(&emergency) {
            assert!(!unbuilt.contains(&format!("pool.{name}").as_str()), "{name}");
        }
        assert!(unbuilt.contains(&"Bond.create") && !unbuilt.contains(&"VM.get_uuid"));
        assert!(unbuilt.len() < 275, "{}", unbuilt.len());
    }
}
