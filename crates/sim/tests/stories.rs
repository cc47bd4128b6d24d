//! The folders of `scenarios/`: each input still goes as its expected log says.

use std::path::Path;

/// `HAVEN_BLESS=1` (`make bless`) writes the logs anew, for review.
#[test]
fn every_scenario_goes_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let told = haven_sim::story::run_all(&root, std::env::var("HAVEN_BLESS").is_ok());
    assert!(told.len() >= 30, "only {} scenarios were found", told.len());
    let failed: Vec<String> = told
        .into_iter()
        .filter_map(|(name, result)| result.err().map(|why| format!("{name}: {why}")))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
