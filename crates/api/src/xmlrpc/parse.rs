//! Reading.

use std::collections::BTreeMap;

use haven_model::{ApiError, DateTime, Value, codes};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::DecodeError;
use crate::call::Request;

/// How deep values may nest.
const DEPTH_MAX: usize = 64;

type Decoded<T> = Result<T, DecodeError>;

/// What is left of XML once comments and the like are gone.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open(String),
    Close,
    Text(String),
}

fn reference(reference: &BytesRef<'_>) -> Decoded<char> {
    if let Some(c) = reference.resolve_char_ref().map_err(DecodeError::malformed)? {
        return Ok(c);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(DecodeError::malformed(format!("unknown entity {other}"))),
    }
}

fn push_text(tokens: &mut Vec<Token>, more: &str) {
    match tokens.last_mut() {
        Some(Token::Text(text)) => text.push_str(more),
        _ => tokens.push(Token::Text(more.to_owned())),
    }
}

fn tokens(body: &[u8]) -> Decoded<Vec<Token>> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::NotUtf8)?;
    let mut reader = Reader::from_str(text);
    let mut tokens = Vec::new();
    loop {
        match reader.read_event().map_err(DecodeError::malformed)? {
            Event::Start(tag) => tokens.push(Token::Open(tag.name().into_inner().to_owned())),
            Event::Empty(tag) => {
                tokens.push(Token::Open(tag.name().into_inner().to_owned()));
                tokens.push(Token::Close);
            }
            Event::End(_) => tokens.push(Token::Close),
            Event::Text(text) => push_text(&mut tokens, &text.xml10_content()),
            Event::CData(text) => push_text(&mut tokens, &text.xml10_content()),
            Event::GeneralRef(name) => {
                let c = reference(&name)?;
                push_text(&mut tokens, c.encode_utf8(&mut [0; 4]));
            }
            Event::Eof => return Ok(tokens),
            Event::DocType(_) => return Err(DecodeError::malformed("document types are refused")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
}

fn is_blank(token: &Token) -> bool {
    matches!(token, Token::Text(text) if text.trim().is_empty())
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Decoded<&'t Token> {
        let (first, rest) =
            self.tokens.split_first().ok_or_else(|| DecodeError::malformed("it ends too soon"))?;
        self.tokens = rest;
        Ok(first)
    }

    fn skip_blank(&mut self) {
        while let Some((first, rest)) = self.tokens.split_first()
            && is_blank(first)
        {
            self.tokens = rest;
        }
    }

    /// Goes into `<name>` if that is what comes next.
    fn enters(&mut self, name: &str) -> bool {
        self.skip_blank();
        match self.tokens.split_first() {
            Some((Token::Open(found), rest)) if found == name => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn enter(&mut self, name: &str) -> Decoded<()> {
        if self.enters(name) {
            return Ok(());
        }
        Err(DecodeError::malformed(format!("expected <{name}>")))
    }

    fn leave(&mut self) -> Decoded<()> {
        self.skip_blank();
        match self.next()? {
            Token::Close => Ok(()),
            other => Err(DecodeError::malformed(format!("unexpected {other:?}"))),
        }
    }

    /// The text up to the end of this element.
    fn text(&mut self) -> Decoded<String> {
        match self.next()? {
            Token::Close => Ok(String::new()),
            Token::Text(text) => match self.next()? {
                Token::Close => Ok(text.clone()),
                other => Err(DecodeError::malformed(format!("unexpected {other:?}"))),
            },
            other @ Token::Open(_) => Err(DecodeError::malformed(format!("unexpected {other:?}"))),
        }
    }

    /// A whole `<value>`.
    fn value(&mut self, depth: usize) -> Decoded<Value> {
        if depth > DEPTH_MAX {
            return Err(DecodeError::malformed("it nests too deep"));
        }
        self.enter("value")?;
        let typed = match self.tokens {
            [first, Token::Open(_), ..] => is_blank(first),
            _ => false,
        };
        if typed {
            self.next()?;
        }
        let value = match self.tokens.first() {
            Some(Token::Open(kind)) => {
                self.next()?;
                self.typed(kind, depth)?
            }
            _ => return self.text().map(Value::String),
        };
        self.leave()?;
        Ok(value)
    }

    fn typed(&mut self, kind: &str, depth: usize) -> Decoded<Value> {
        match kind {
            "array" => self.array(depth),
            "struct" => self.members(depth).map(Value::Map),
            _ => scalar(kind, self.text()?),
        }
    }

    fn array(&mut self, depth: usize) -> Decoded<Value> {
        let mut items = Vec::new();
        self.enter("data")?;
        while !self.at_end() {
            items.push(self.value(depth + 1)?);
        }
        self.leave()?;
        self.leave()?;
        Ok(Value::Set(items))
    }

    fn members(&mut self, depth: usize) -> Decoded<BTreeMap<String, Value>> {
        let mut members = BTreeMap::new();
        while self.enters("member") {
            self.enter("name")?;
            let name = self.text()?;
            let value = self.value(depth + 1)?;
            self.leave()?;
            members.insert(name, value);
        }
        self.leave()?;
        Ok(members)
    }

    fn at_end(&mut self) -> bool {
        self.skip_blank();
        matches!(self.tokens.first(), None | Some(Token::Close))
    }
}

fn scalar(kind: &str, text: String) -> Decoded<Value> {
    let bad = |text: &str| DecodeError::malformed(format!("{text:?} is no {kind}"));
    Ok(match kind {
        "string" | "base64" => Value::String(text),
        "int" | "i4" | "i8" => Value::Int(text.trim().parse().map_err(|_| bad(&text))?),
        "boolean" => match text.trim() {
            "1" | "true" => Value::Bool(true),
            "0" | "false" => Value::Bool(false),
            other => return Err(bad(other)),
        },
        "double" => Value::Float(text.trim().parse().map_err(|_| bad(&text))?),
        "dateTime.iso8601" => {
            // Clients write times in many ways; what cannot be read is refused with its parameter.
            text.parse::<DateTime>().map_or(Value::String(text), Value::DateTime)
        }
        "nil" => Value::Nil,
        _ => return Err(DecodeError::malformed(format!("unknown type {kind}"))),
    })
}

/// Reads a call.
///
/// # Errors
/// It is none.
pub fn parse_call(body: &[u8]) -> Result<Request, DecodeError> {
    let tokens = tokens(body)?;
    let mut parser = Parser { tokens: &tokens };
    parser.enter("methodCall")?;
    parser.enter("methodName")?;
    let name = parser.text()?.trim().to_owned();
    let mut params = Vec::new();
    if parser.enters("params") {
        while parser.enters("param") {
            params.push(parser.value(0)?);
            parser.leave()?;
        }
        parser.leave()?;
    }
    parser.leave()?;
    Ok(Request { name, params })
}

/// Reads an answer, as clients do.
///
/// # Errors
/// It is none.
pub fn parse_response(body: &[u8]) -> Result<Result<Value, ApiError>, DecodeError> {
    let tokens = tokens(body)?;
    let mut parser = Parser { tokens: &tokens };
    parser.enter("methodResponse")?;
    parser.enter("params")?;
    parser.enter("param")?;
    let answer = parser.value(0)?;
    match answer.member("Status").and_then(Value::as_str) {
        Some("Success") => Ok(Ok(answer.member("Value").cloned().unwrap_or(Value::void()))),
        Some("Failure") => Ok(Err(failure(answer.member("ErrorDescription")))),
        _ => Ok(Ok(answer)),
    }
}

/// The error that a description stands for.
pub(crate) fn failure(description: Option<&Value>) -> ApiError {
    let Some(Value::Set(items)) = description else {
        return ApiError::with(codes::INTERNAL_ERROR, &[&"the error has no description"]);
    };
    let mut words = items.iter().map(ToString::to_string);
    let code = words.next().unwrap_or_default();
    ApiError::from_wire(&code, words.collect())
}

/// Reads a value alone, such as the `result` of a task; nothing is the empty string.
///
/// # Errors
/// It is none.
pub fn decode_value(text: &str) -> Result<Value, DecodeError> {
    if text.is_empty() {
        return Ok(Value::void());
    }
    let tokens = tokens(text.as_bytes())?;
    Parser { tokens: &tokens }.value(0)
}
