//! The answers as clients of XenAPI read them: JSON and XML.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::archive::STEP_S;
use super::query::{Dump, Updates};
use super::sample::unit;

/// A row needs this part of its samples to be known.
const XFF: &str = "0.5";
/// Seconds after which a value without samples is unknown.
const HEARTBEAT: &str = "300.0000";

fn text(value: Option<f32>) -> String {
    value.map_or_else(|| "NaN".to_owned(), |value| value.to_string())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `rrd_updates` as JSON: values are strings, as XenAPI's are, since JSON has no `NaN`.
#[must_use]
pub fn updates_json(updates: &Updates) -> String {
    let rows: Vec<Json> = updates
        .rows
        .iter()
        .map(|(time, values)| {
            let values: Vec<String> = values.iter().copied().map(text).collect();
            json!({ "t": time, "values": values })
        })
        .collect();
    json!({
        "meta": {
            "start": updates.start,
            "step": updates.step,
            "end": updates.end,
            "rows": updates.rows.len(),
            "columns": updates.legend.len(),
            "legend": updates.legend,
        },
        "data": rows,
    })
    .to_string()
}

/// `rrd_updates` as XML.
#[must_use]
pub fn updates_xml(updates: &Updates) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?>\n<xport><meta>");
    // Writing to a string cannot fail; the same below.
    let _ = write!(
        out,
        "<start>{}</start><step>{}</step><end>{}</end><rows>{}</rows><columns>{}</columns><legend>",
        updates.start,
        updates.step,
        updates.end,
        updates.rows.len(),
        updates.legend.len()
    );
    for name in &updates.legend {
        let _ = write!(out, "<entry>{}</entry>", escaped(name));
    }
    out.push_str("</legend></meta><data>");
    for (time, values) in &updates.rows {
        let _ = write!(out, "<row><t>{time}</t>");
        for value in values {
            let _ = write!(out, "<v>{}</v>", text(*value));
        }
        out.push_str("</row>");
    }
    out.push_str("</data></xport>\n");
    out
}

/// `vm_rrd` and `host_rrd` as XML, in the form of RRDtool's dump.
#[must_use]
pub fn dump_xml(dump: &Dump) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?>\n<rrd><version>0003</version>");
    let _ = write!(out, "<step>{STEP_S}</step><lastupdate>{}</lastupdate>", dump.last);
    for (name, last) in &dump.sources {
        let (_, min, max) = unit(name);
        let max = if max.is_finite() { max.to_string() } else { "Infinity".to_owned() };
        let _ = write!(
            out,
            "<ds><name>{}</name><type>GAUGE</type>\
             <minimal_heartbeat>{HEARTBEAT}</minimal_heartbeat><min>{min}</min><max>{max}</max>\
             <last_ds>{}</last_ds><value>0.0</value><unknown_sec>0</unknown_sec></ds>",
            escaped(name),
            text(*last)
        );
    }
    for archive in &dump.archives {
        let _ = write!(
            out,
            "<rra><cf>{}</cf><pdp_per_row>{}</pdp_per_row><params><xff>{XFF}</xff></params>\
             <cdp_prep/><database>",
            archive.cf.as_str(),
            archive.samples
        );
        for row in &archive.rows {
            out.push_str("<row>");
            for value in row {
                let _ = write!(out, "<v>{}</v>", text(*value));
            }
            out.push_str("</row>");
        }
        out.push_str("</database></rra>");
    }
    out.push_str("</rrd>\n");
    out
}

/// The same as JSON.
#[must_use]
pub fn dump_json(dump: &Dump) -> String {
    let sources: Vec<Json> = dump
        .sources
        .iter()
        .map(|(name, last)| {
            let (units, min, max) = unit(name);
            let max = if max.is_finite() { max.to_string() } else { "Infinity".to_owned() };
            json!({
                "name": name, "type": "GAUGE", "units": units, "min": min.to_string(), "max": max,
                "minimal_heartbeat": HEARTBEAT, "last_ds": text(*last),
            })
        })
        .collect();
    let archives: Vec<Json> = dump
        .archives
        .iter()
        .map(|archive| {
            let rows: Vec<Vec<String>> =
                archive.rows.iter().map(|row| row.iter().copied().map(text).collect()).collect();
            json!({
                "cf": archive.cf.as_str(), "pdp_per_row": archive.samples,
                "params": { "xff": XFF }, "database": rows,
            })
        })
        .collect();
    json!({ "step": STEP_S, "lastupdate": dump.last, "ds": sources, "rra": archives }).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Cf, DumpArchive};
    use super::*;

    #[test]
    fn updates_in_both_forms() {
        let updates = Updates {
            step: 5,
            start: 10,
            end: 15,
            legend: vec!["AVERAGE:vm:x:cpu0".to_owned()],
            rows: vec![(15, vec![Some(0.25)]), (10, vec![None])],
        };
        let json: Json = serde_json::from_str(&updates_json(&updates)).unwrap();
        assert_eq!(json["meta"]["rows"], 2);
        assert_eq!(json["data"][0], json!({ "t": 15, "values": ["0.25"] }));
        assert_eq!(json["data"][1]["values"][0], "NaN");
        let xml = updates_xml(&updates);
        assert!(xml.contains("<legend><entry>AVERAGE:vm:x:cpu0</entry></legend>"), "{xml}");
        assert!(xml.contains("<row><t>15</t><v>0.25</v></row><row><t>10</t><v>NaN</v></row>"));
    }

    #[test]
    fn dumps_in_both_forms() {
        let dump = Dump {
            last: 15,
            sources: vec![("cpu0".to_owned(), Some(0.5)), ("memory".to_owned(), None)],
            archives: vec![DumpArchive {
                cf: Cf::Average,
                samples: 12,
                rows: vec![vec![Some(1.0), None]],
            }],
        };
        let xml = dump_xml(&dump);
        assert!(xml.contains("<ds><name>cpu0</name><type>GAUGE</type>"), "{xml}");
        assert!(xml.contains("<pdp_per_row>12</pdp_per_row>"));
        assert!(xml.contains("<row><v>1</v><v>NaN</v></row>"));
        let json: Json = serde_json::from_str(&dump_json(&dump)).unwrap();
        assert_eq!(json["rra"][0]["database"][0], json!(["1", "NaN"]));
        assert_eq!(json["ds"][1]["max"], "Infinity");
    }
}
