//! A small XML tree: domain descriptions are built with it, and what libvirt and fence agents say
//! is read with it.

use quick_xml::Reader;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::writer::Writer;

/// Deepest nesting that is read: libvirt's own documents stay below 20.
const DEPTH_MAX: usize = 64;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Tag name, with its prefix.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
    text: String,
}

/// Starts an element for building.
pub(crate) fn el(name: &str) -> Element {
    Element { name: name.to_owned(), ..Element::default() }
}

impl Element {
    /// Adds an attribute.
    pub(crate) fn attr(mut self, key: &str, value: impl Into<String>) -> Self {
        self.attributes.push((key.to_owned(), printable(&value.into())));
        self
    }

    /// Sets the text.
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = printable(&text.into());
        self
    }

    /// Adds a child.
    pub(crate) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// Adds children.
    pub(crate) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// Its children, for changing them.
    pub(crate) fn children_mut(&mut self) -> &mut Vec<Element> {
        &mut self.children
    }

    /// Sets an attribute that is there.
    pub(crate) fn set_attr(&mut self, key: &str, value: &str) {
        for (_, old) in self.attributes.iter_mut().filter(|(k, _)| k == key) {
            *old = printable(value);
        }
    }

    /// Value of an attribute.
    pub(crate) fn get_attr(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Text of this element.
    pub(crate) fn get_text(&self) -> &str {
        &self.text
    }

    /// First element at this path of child names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |here, name| here.children.iter().find(|c| c.name == *name))
    }

    /// All children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The document as text, indented by two blanks.
    pub(crate) fn render(&self) -> Result<String, String> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut writer).map_err(|e| e.to_string())?;
        let mut text = String::from_utf8(writer.into_inner()).map_err(|e| e.to_string())?;
        text.push('\n');
        Ok(text)
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name.as_str());
        for (key, value) in &self.attributes {
            start.push_attribute((key.as_str(), value.as_str()));
        }
        if self.children.is_empty() && self.text.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            writer.write_event(Event::Text(BytesText::new(&self.text)))?;
        }
        for child in &self.children {
            child.write(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name.as_str())))
    }

    /// Reads a document.
    pub(crate) fn parse(text: &str) -> Result<Element, String> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        loop {
            match reader.read_event().map_err(|e| e.to_string())? {
                Event::Start(start) => {
                    if open.len() >= DEPTH_MAX {
                        return Err(format!("more than {DEPTH_MAX} nested elements"));
                    }
                    open.push(read_start(&start)?);
                }
                Event::Empty(start) => {
                    let element = read_start(&start)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Ok(element),
                    }
                }
                Event::End(_) => {
                    let mut done = open.pop().ok_or("an end without a start")?;
                    done.text = done.text.trim().to_owned();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Ok(done),
                    }
                }
                Event::Text(chunk) => {
                    if let Some(here) = open.last_mut() {
                        here.text.push_str(&chunk);
                    }
                }
                Event::GeneralRef(name) => {
                    if let Some(here) = open.last_mut() {
                        here.text.push_str(&unescape(&format!("&{};", &*name))?);
                    }
                }
                Event::Eof => return Err("the document ends early".to_owned()),
                _ => {}
            }
        }
    }
}

fn read_start(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut element = el(start.name().as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = unescape(&attribute.value)?;
        let key = attribute.key.as_ref().to_owned();
        element.attributes.push((key, value));
    }
    Ok(element)
}

fn unescape(text: &str) -> Result<String, String> {
    quick_xml::escape::unescape(text).map(|t| t.into_owned()).map_err(|e| e.to_string())
}

/// Drops what XML 1.0 cannot carry and line ends, which libvirt refuses in a title.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let tree = el("domain").attr("type", "kvm").child(el("title").text("a <b> & \"c\"")).child(
            el("devices").children([el("disk").attr("x", "1'2\"<&"), el("disk").attr("x", "2")]),
        );
        let text = tree.render().unwrap();
        let read = Element::parse(&text).unwrap();
        assert_eq!(read.at(&["devices", "disk"]).unwrap().get_attr("x"), Some("1'2\"<&"));
        assert_eq!(read.at(&["devices"]).unwrap().all("disk").count(), 2);
        assert_eq!(read.at(&["title"]).unwrap().get_text(), "a <b> & \"c\"");
        assert!(text.contains("a &lt;b&gt; &amp; "), "{text}");
    }

    #[test]
    fn control_characters_do_not_reach_libvirt() {
        let text = el("title").text("two\nlines\u{1}").render().unwrap();
        assert_eq!(text, "<title>twolines</title>\n");
    }

    #[test]
    fn a_truncated_document_is_an_error() {
        assert!(Element::parse("<a><b></b>").is_err());
    }
}
