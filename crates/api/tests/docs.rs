//! The reference and the client types name everything there is, and their links lead somewhere.

use std::collections::BTreeSet;

use haven_api::Registry;
use haven_api::docs::{error_texts, markdown, typescript};

#[test]
fn every_class_has_a_page_and_links_are_whole() {
    let pages = markdown();
    let names: BTreeSet<_> = pages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names.len(), haven_model::CLASSES.len() + 5);
    for page in &pages {
        for link in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            assert!(names.contains(file), "{} links to {link}", page.name);
            let target = pages.iter().find(|p| p.name == file).map_or("", |p| p.text.as_str());
            let heading = |line: &str| line.to_lowercase() == format!("## {anchor}").to_lowercase();
            assert!(anchor.is_empty() || target.lines().any(heading), "{link}");
        }
    }
    let vm = pages.iter().find(|p| p.name == "VM.md").map_or("", |p| p.text.as_str());
    assert!(vm.contains("start(session, vm: ref VM, start_paused: bool, force: bool)"), "{vm}");
    assert!(vm.contains("| `ha_restart_priority` | string | `\"\"` |"), "{vm}");
    assert!(!pages.iter().any(|p| p.text.contains("haven_secret")));
    let roles = pages.iter().find(|p| p.name == "roles.md").map_or("", |p| p.text.as_str());
    let operator = roles.split("## vm-operator").nth(1).and_then(|t| t.split("\n## ").next());
    assert!(operator.is_some_and(|t| t.contains("`start`") && !t.contains("`create`")), "{roles}");
}

#[test]
fn every_message_has_a_type() {
    let types = typescript().text;
    for method in Registry::standard().methods().filter(|m| !m.is_hidden) {
        assert!(types.contains(&format!("  \"{}\": {{ params: [", method.name)), "{}", method.name);
    }
    for line in [
        "  \"VM.start\": { params: [vm: Ref<\"VM\">, start_paused: boolean, force: boolean]; result: \"\" };",
        "    power_state: vm_power_state;",
        "    VBDs: Array<Ref<\"VBD\">>;",
        "  | \"Halted\"",
    ] {
        assert!(types.contains(line), "{line}");
    }
    assert_eq!(types.matches('{').count(), types.matches('}').count());
}

#[test]
fn what_is_not_built_can_be_listed() {
    let registry = Registry::standard();
    let built = |name: &str| name == "VM.start";
    let unbuilt: Vec<_> = registry.unbuilt(built).map(|m| m.name.as_str()).collect();
    assert!(unbuilt.contains(&"VM.clone") && !unbuilt.contains(&"VM.start"));
    assert!(!unbuilt.contains(&"VM.get_name_label") && !unbuilt.contains(&"VM.set_other_config"));
    assert!(!unbuilt.contains(&"VMPP.protect_now"), "removed");
    assert!(unbuilt.len() > 300, "{}", unbuilt.len());
}

/// C84: clients find every error in every language.
#[test]
fn every_language_has_a_page_of_errors() {
    let pages = error_texts();
    let names: Vec<_> = pages.iter().map(|page| page.name.as_str()).collect();
    assert_eq!(names, ["errors.en.json", "errors.es.json", "errors.zh-CN.json"]);
    let parsed: Vec<serde_json::Value> =
        pages.iter().map(|page| serde_json::from_str(&page.text).unwrap()).collect();
    let texts = |page: usize| parsed[page]["HA_TOO_FEW_HOSTS"]["text"].as_str().unwrap();
    assert!(texts(0).contains("two hosts") && texts(1).contains("dos hosts"));
    assert!(texts(2).contains("两台"));
    assert_eq!(parsed[0].as_object().unwrap().len(), parsed[2].as_object().unwrap().len());
}
