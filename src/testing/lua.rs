//! The little of Lua that the fake cluster understands.
//!
//! A script is statements, each `redis.call(...)` or `return` with an expression; an expression is an integer, a string
//! in quotes, `true`, `false`, `nil`, `KEYS[n]`, `ARGV[n]` or `redis.call(...)`.

use bytes::Bytes;

/// What a script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Nil,
    Boolean(bool),
    Integer(i64),
    Text(Bytes),
    Key(usize),
    Arg(usize),
    Call(Vec<Expr>),
}

/// A statement: an expression, and whether its value is what the script returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) value: Expr,
    pub(super) is_return: bool,
}

/// Reads a script; `None` if it needs more of Lua.
pub(super) fn parse(source: &[u8]) -> Option<Vec<Statement>> {
    let mut rest = Rest(source);
    let mut statements = Vec::new();
    while !rest.is_empty() {
        let is_return = rest.take("return");
        let value = rest.expression()?;
        if !is_return && !matches!(value, Expr::Call(_)) {
            return None;
        }
        statements.push(Statement { value, is_return });
        rest.take(";");
        if is_return && !rest.is_empty() {
            return None;
        }
    }
    Some(statements)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn is_empty(&mut self) -> bool {
        self.0 = self.0.trim_ascii_start();
        self.0.is_empty()
    }

    /// Reads this, if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_ascii_start();
        let rest = self.0.strip_prefix(token.as_bytes());
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expression(&mut self) -> Option<Expr> {
        if self.take("redis.call") {
            return self.call();
        }
        for (name, element) in [
            ("KEYS", Expr::Key as fn(usize) -> Expr),
            ("ARGV", Expr::Arg),
        ] {
            if self.take(name) {
                let index = self.take("[").then(|| self.number())??;
                return self
                    .take("]")
                    .then(|| element(index.try_into().ok()?).into())?;
            }
        }
        for (name, value) in [
            ("nil", Expr::Nil),
            ("true", Expr::Boolean(true)),
            ("false", Expr::Boolean(false)),
        ] {
            if self.take(name) {
                return Some(value);
            }
        }
        match self.0.first()? {
            quote @ (b'\'' | b'"') => {
                let (text, rest) = {
                    let text = &self.0[1..];
                    let end = memchr::memchr(*quote, text)?;
                    (&text[..end], &text[end + 1..])
                };
                // Nothing is escaped here.
                if text.contains(&b'\\') {
                    return None;
                }
                self.0 = rest;
                Some(Expr::Text(Bytes::copy_from_slice(text)))
            }
            _ => self.number().map(Expr::Integer),
        }
    }

    fn call(&mut self) -> Option<Expr> {
        if !self.take("(") {
            return None;
        }
        let mut args = vec![self.expression()?];
        while self.take(",") {
            args.push(self.expression()?);
        }
        self.take(")").then_some(Expr::Call(args))
    }

    fn number(&mut self) -> Option<i64> {
        self.0 = self.0.trim_ascii_start();
        let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let end = self
            .0
            .iter()
            .position(|byte| !is_digit(byte))
            .unwrap_or(self.0.len());
        let (number, rest) = self.0.split_at(end);
        self.0 = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_values_are_read() {
        let source = b"redis.call('SET', KEYS[1], ARGV[2]); return redis.call(\"GET\",KEYS[1])";
        let text = |text: &'static str| Expr::Text(text.into());
        let set = Expr::Call(vec![text("SET"), Expr::Key(1), Expr::Arg(2)]);
        let get = Expr::Call(vec![text("GET"), Expr::Key(1)]);
        let statement = |value, is_return| Statement { value, is_return };
        let expected = vec![statement(set, false), statement(get, true)];
        assert_eq!(parse(source), Some(expected));
        for (source, value) in [
            ("return 1", Expr::Integer(1)),
            ("return\n-5 ", Expr::Integer(-5)),
            ("return 'a b'", text("a b")),
            ("return false", Expr::Boolean(false)),
            ("return nil", Expr::Nil),
            ("return ARGV[12]", Expr::Arg(12)),
        ] {
            assert_eq!(
                parse(source.as_bytes()),
                Some(vec![statement(value, true)]),
                "{source}"
            );
        }
        assert_eq!(parse(b""), Some(vec![]));
    }

    #[test]
    fn what_needs_more_of_lua_is_refused() {
        for source in [
            "local x = 1 return x",
            "return 1 + 1",
            "return 1.5",
            "return KEYS[1",
            "return KEYS[-1]",
            "return 'a",
            "return 'a\\n'",
            "return redis.call()",
            "return redis.call('GET'",
            "return",
            "1",
            "return 1 return 2",
        ] {
            assert_eq!(parse(source.as_bytes()), None, "{source}");
        }
    }
}
