//! Writing.

use std::fmt::Write as _;

use haven_model::{ApiError, DateTime, RefId, Sink, Value};

use crate::pieces::{Pieces, TextSink};

/// `event.from` counts references in typed integers, the only ones in the protocol.
const TYPED_INTS_MEMBER: &str = "valid_ref_counts";

/// Escapes text; control characters that XML cannot carry are dropped.
fn text(out: &mut String, text: &str) {
    let mut clean = 0;
    for (at, c) in text.char_indices() {
        let instead = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' => "&quot;",
            // Left as it is, every parser would turn it into a line feed.
            '\r' => "&#13;",
            '\t' | '\n' => continue,
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => "",
            _ => continue,
        };
        out.push_str(text.get(clean..at).unwrap_or_default());
        out.push_str(instead);
        clean = at + c.len_utf8();
    }
    out.push_str(text.get(clean..).unwrap_or_default());
}

/// As C's `%.16g`.
fn double(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    let scientific = format!("{x:.15e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let decimals = usize::try_from(15 - exponent).unwrap_or(0);
        return trimmed(&format!("{x:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Where a value stands, which says how its element ends.
#[derive(Debug, Clone, Copy)]
enum Place {
    Item,
    Member,
}

/// Writes what stands between `<value>` and `</value>`, piece by piece.
#[derive(Debug, Default)]
struct XmlSink {
    out: String,
    places: Vec<Place>,
    /// Within the counts of `event.from`.
    typed_ints: bool,
}

impl XmlSink {
    /// What was begun for this value ends with it.
    fn done(&mut self) {
        self.out.push_str(match self.places.last() {
            Some(Place::Item) => "</value>",
            Some(Place::Member) => "</value></member>",
            None => "",
        });
    }

    fn tagged(&mut self, open: &str, body: &str, close: &str) {
        self.out.push_str(open);
        self.out.push_str(body);
        self.out.push_str(close);
        self.done();
    }

    fn open_member(&mut self) {
        self.out.push_str("<member><name>");
    }

    fn named(&mut self) {
        self.out.push_str("</name><value>");
    }
}

impl Sink for XmlSink {
    fn nil(&mut self) {
        self.tagged("", "<nil/>", "");
    }
    fn bool(&mut self, truth: bool) {
        self.tagged("<boolean>", if truth { "1" } else { "0" }, "</boolean>");
    }
    fn int(&mut self, number: i64) {
        let (open, close) = if self.typed_ints { ("<i4>", "</i4>") } else { ("", "") };
        self.out.push_str(open);
        // Writing to a string cannot fail; the same below.
        let _ = write!(self.out, "{number}");
        self.tagged(close, "", "");
    }
    fn float(&mut self, number: f64) {
        self.tagged("<double>", &double(number), "</double>");
    }
    fn text(&mut self, text: &str) {
        self::text(&mut self.out, text);
        self.done();
    }
    fn datetime(&mut self, time: DateTime) {
        let _ = write!(self.out, "<dateTime.iso8601>{time}</dateTime.iso8601>");
        self.done();
    }
    fn reference(&mut self, reference: RefId) {
        let _ = write!(self.out, "{reference}");
        self.done();
    }
    fn begin_set(&mut self) {
        self.out.push_str("<array><data>");
        self.places.push(Place::Item);
    }
    fn item(&mut self) {
        self.out.push_str("<value>");
    }
    fn end_set(&mut self) {
        self.out.push_str("</data></array>");
        self.places.pop();
        self.done();
    }
    fn begin_map(&mut self) {
        self.out.push_str("<struct>");
        self.places.push(Place::Member);
    }
    fn key(&mut self, key: &str) {
        self.open_member();
        text(&mut self.out, key);
        self.named();
    }
    fn member(&mut self, name: &'static str) {
        // Only records are looked at by name: a map of the user may have any key.
        self.typed_ints |= name == TYPED_INTS_MEMBER;
        self.open_member();
        self.out.push_str(name);
        self.named();
    }
    fn end_map(&mut self) {
        self.out.push_str("</struct>");
        self.places.pop();
        self.typed_ints = false;
        self.done();
    }
}

/// `before`, the value in its element, `after`.
fn framed(before: &str, answer: &Value, after: &str) -> String {
    let mut sink = XmlSink::default();
    sink.out.push_str(before);
    sink.out.push_str("<value>");
    answer.write(&mut sink);
    sink.out.push_str("</value>");
    sink.out.push_str(after);
    sink.out
}

const HEAD: &str = "<?xml version=\"1.0\"?><methodResponse><params><param>";
const TAIL: &str = "</param></params></methodResponse>";

fn response(answer: &Value) -> String {
    framed(HEAD, answer, TAIL)
}

const SUCCESS: &str = "<value><struct><member><name>Status</name><value>Success</value></member>\
                       <member><name>Value</name>";
const SUCCESS_TAIL: &str = "</member></struct></value>";

/// The answer to a call that went well.
#[must_use]
pub fn write_success(result: &Value) -> String {
    framed(&[HEAD, SUCCESS].concat(), result, &[SUCCESS_TAIL, TAIL].concat())
}

/// The answer to a call that went well, piece by piece.
#[must_use]
pub fn pieces(result: Value) -> Pieces {
    let sink = XmlSink { out: [HEAD, SUCCESS, "<value>"].concat(), ..XmlSink::default() };
    Pieces::new(Box::new(sink), result, ["</value>", SUCCESS_TAIL, TAIL].concat())
}

impl TextSink for XmlSink {
    fn text_mut(&mut self) -> &mut String {
        &mut self.out
    }
}

/// The answer to a call that failed.
#[must_use]
pub fn write_failure(error: &ApiError) -> String {
    let mut description = vec![Value::from(error.code)];
    description.extend(error.params.iter().map(|p| Value::from(p.as_str())));
    response(&Value::Record(vec![
        ("Status", Value::from("Failure")),
        ("ErrorDescription", Value::Set(description)),
    ]))
}

/// An answer without the status wrapper, as `system.listMethods` has it.
#[must_use]
pub fn write_bare(answer: &Value) -> String {
    response(answer)
}

/// The `result` of a task: the value alone. Clients of either encoding get this.
#[must_use]
pub fn encode_result(result: &Value) -> String {
    framed("", result, "")
}

/// A call, as clients make it.
#[must_use]
pub fn write_call(name: &str, params: &[Value]) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?><methodCall><methodName>");
    text(&mut out, name);
    out.push_str("</methodName><params>");
    for param in params {
        out.push_str(&framed("<param>", param, "</param>"));
    }
    out.push_str("</params></methodCall>");
    out
}

#[cfg(test)]
mod tests {
    use super::double;

    #[test]
    fn doubles_as_c_writes_them() {
        for (x, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.0 / 3.0, "0.3333333333333333"),
        ] {
            assert_eq!(double(x), text);
        }
    }
}
