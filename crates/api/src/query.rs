//! The expressions of `get_all_records_where`.
//!
//! `field "name__label" = "x" and not (field "power_state" = "Halted" or true)`: `and` and `or`
//! bind alike and to the left, `not` binds weaker than both. Fields are named as in XenAPI's own
//! database, where parts of a name are joined by `__`; single `_` is accepted too.

use haven_model::{ApiError, ClassMeta, RefId, Row, Value, codes};

/// How deep parentheses and `not` may nest.
const DEPTH_MAX: usize = 64;
/// How long an expression may be.
const LENGTH_MAX_BYTES: usize = 64 << 10;

/// A parsed expression over the fields of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Query(Expr);

#[derive(Debug, Clone, PartialEq)]
enum Expr {
    Constant(bool),
    Equal(Term, Term),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Literal(String),
    Field(usize),
    Reference,
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Open,
    Close,
    Equals,
}

impl Query {
    /// Parses an expression.
    ///
    /// # Errors
    /// It is none, or names a field that the class lacks.
    pub fn parse(class: &ClassMeta, text: &str) -> Result<Self, ApiError> {
        let refuse = |why: String| ApiError::with(codes::INVALID_VALUE, &[&"expr", &why]);
        if text.len() > LENGTH_MAX_BYTES {
            return Err(refuse("the expression is too long".to_owned()));
        }
        let tokens = tokens(text).map_err(refuse)?;
        let mut parser = Parser { class, tokens: &tokens, depth: 0 };
        let expr = parser.expr().map_err(refuse)?;
        match parser.tokens {
            [] => Ok(Self(expr)),
            [token, ..] => Err(refuse(format!("unexpected {token:?}"))),
        }
    }

    /// Whether the row fits.
    #[must_use]
    pub fn matches(&self, id: RefId, row: &dyn Row) -> bool {
        holds(&self.0, id, row)
    }
}

fn holds(expr: &Expr, id: RefId, row: &dyn Row) -> bool {
    match expr {
        Expr::Constant(b) => *b,
        Expr::Equal(a, b) => value_of(a, id, row) == value_of(b, id, row),
        Expr::Not(e) => !holds(e, id, row),
        Expr::And(a, b) => holds(a, id, row) && holds(b, id, row),
        Expr::Or(a, b) => holds(a, id, row) || holds(b, id, row),
    }
}

fn value_of(term: &Term, id: RefId, row: &dyn Row) -> String {
    match term {
        Term::Literal(text) => text.clone(),
        Term::Reference => id.to_string(),
        Term::Field(index) => row.value(*index).as_ref().map_or_else(String::new, database_text),
    }
}

/// Sets and maps in the notation of XenAPI's own database.
fn database_text(value: &Value) -> String {
    match value {
        Value::Set(items) => {
            let items: Vec<_> = items.iter().map(|v| format!("'{}'", database_text(v))).collect();
            format!("({})", items.join(" "))
        }
        Value::Map(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(k, v)| format!("('{k}' '{}')", database_text(v))).collect();
            format!("({})", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, rest.split_at(1).1),
            ')' => (Token::Close, rest.split_at(1).1),
            '=' => (Token::Equals, rest.split_at(1).1),
            '"' => {
                let body = rest.split_at(1).1;
                let (inside, after) = body.split_once('"').ok_or("a string does not end")?;
                (Token::Text(inside), after)
            }
            c if c.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                (Token::Word(word), after)
            }
            c => return Err(format!("unexpected {c:?}")),
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

struct Parser<'t> {
    class: &'t ClassMeta,
    tokens: &'t [Token<'t>],
    depth: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token<'t>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the expression nests too deep".to_owned());
        }
        let mut left = self.operand()?;
        loop {
            let both: fn(Box<Expr>, Box<Expr>) -> Expr = match self.tokens.first() {
                Some(Token::Word("and")) => Expr::And,
                Some(Token::Word("or")) => Expr::Or,
                _ => break,
            };
            self.next();
            left = both(Box::new(left), Box::new(self.operand()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, String> {
        match self.tokens.first() {
            Some(Token::Word("not")) => {
                self.next();
                Ok(Expr::Not(Box::new(self.expr()?)))
            }
            Some(Token::Word(word @ ("true" | "false"))) => {
                self.next();
                Ok(Expr::Constant(*word == "true"))
            }
            Some(Token::Open) => {
                self.next();
                let inside = self.expr()?;
                match self.next() {
                    Some(Token::Close) => Ok(inside),
                    _ => Err("a parenthesis is not closed".to_owned()),
                }
            }
            _ => {
                let left = self.term()?;
                match self.next() {
                    Some(Token::Equals) => Ok(Expr::Equal(left, self.term()?)),
                    _ => Err("expected =".to_owned()),
                }
            }
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Term::Literal((*text).to_owned())),
            Some(Token::Word("field")) => match self.next() {
                Some(Token::Text(name)) => self.field(name),
                _ => Err("expected the name of a field".to_owned()),
            },
            Some(token) => Err(format!("unexpected {token:?}")),
            None => Err("the expression ends too soon".to_owned()),
        }
    }

    fn field(&self, name: &str) -> Result<Term, String> {
        if name == "_ref" || name == "ref" {
            return Ok(Term::Reference);
        }
        let found = self.class.index_of(name);
        let found = found.or_else(|| self.class.index_of(&name.replace("__", "_")));
        found.map(Term::Field).ok_or_else(|| format!("{} has no field {name}", self.class.name))
    }
}

#[cfg(test)]
mod tests {
    use haven_model::{Class, RefId, Vm, VmPowerState};

    use super::Query;

    fn fits(text: &str) -> bool {
        let vm = Vm {
            name_label: "web".into(),
            power_state: VmPowerState::Running,
            is_a_template: false,
            tags: vec!["a".into(), "b".into()],
            ..Vm::default()
        };
        Query::parse(Vm::META, text)
            .unwrap_or_else(|e| panic!("{text}: {e}"))
            .matches(RefId(7), &vm)
    }

    #[test]
    fn comparisons() {
        assert!(fits(r#"field "name__label" = "web""#));
        assert!(fits(r#"field "name_label"="web""#));
        assert!(!fits(r#"field "name__label" = "db""#));
        assert!(fits(r#"field "is_a_template" = "false""#));
        assert!(fits(r#"field "resident_on" = "OpaqueRef:NULL""#));
        assert!(fits(r#"field "_ref" = "OpaqueRef:00000000-0000-0000-0000-000000000007""#));
        assert!(fits(r#"field "tags" = "('a' 'b')""#));
        assert!(fits(r#""x" = "x""#));
    }

    #[test]
    fn binding() {
        assert!(fits("true"));
        assert!(!fits("true or true and false"), "(true or true) and false");
        assert!(fits("not false and false"), "not (false and false)");
        assert!(!fits("not (false) or true"), "not (false or true)");
        assert!(fits("(not false) and true"));
        assert!(!fits("true and not false or true"), "true and not (false or true)");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "and",
            "(true",
            "true)",
            r#"field "nope" = "x""#,
            r#"field "uuid" = "#,
            r#"field "uuid" = "x"#,
            "field uuid = \"x\"",
            "é",
            &"(".repeat(100_000),
            &"not ".repeat(1000),
        ] {
            assert!(Query::parse(Vm::META, text).is_err(), "{text}");
        }
    }
}
