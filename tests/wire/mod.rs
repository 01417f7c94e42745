//! A client that is nothing but the codec, for tests of servers.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_redis_cluster::resp::{Decoder, Limits, Version, encode};
use tower_redis_cluster::{NodeAddr, Value};

/// How long a reply may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Wire<S> {
    stream: S,
    decoder: Decoder,
    input: BytesMut,
}

#[allow(dead_code, reason = "not every test file uses all of it")]
impl Wire<TcpStream> {
    pub async fn connect(addr: &NodeAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect((addr.host(), addr.port())).await?;
        Ok(Self::over(stream))
    }
}

#[allow(dead_code, reason = "not every test file uses all of it")]
impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn over(stream: S) -> Self {
        Self {
            stream,
            decoder: Decoder::new(Limits::default()),
            input: BytesMut::new(),
        }
    }

    pub async fn send(&mut self, args: &[&[u8]]) {
        let args = args.iter();
        let args = args.map(|arg| Value::BulkString(arg.to_vec().into()));
        let mut out = BytesMut::new();
        encode(&Value::Array(args.collect()), Version::Resp2, &mut out);
        // A peer that has closed shows when the reply is awaited.
        let _ = self.stream.write_all(&out).await;
    }

    /// The next reply; `None` when the peer closes first.
    pub async fn reply(&mut self) -> Option<Value> {
        let reply = async {
            loop {
                let reply = self.decoder.decode(&mut self.input);
                if let Some(value) = reply.expect("a reply is RESP") {
                    return Some(value);
                }
                let read = self.stream.read_buf(&mut self.input).await;
                if read.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        let reply = tokio::time::timeout(PATIENCE, reply).await;
        reply.expect("a reply within the test's patience")
    }

    pub async fn try_call(&mut self, line: &str) -> Option<Value> {
        let args = split(line);
        let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
        self.send(&args).await;
        self.reply().await
    }

    /// Sends a command, given as a line with spaces between arguments, and shows its reply.
    pub async fn call(&mut self, line: &str) -> String {
        let reply = self.try_call(line).await;
        reply.as_ref().map_or("(closed)".to_owned(), show)
    }

    /// What has arrived and is no whole reply.
    pub fn rest(&self) -> &[u8] {
        &self.input
    }
}

/// The arguments of a line. Double quotes keep spaces together; `\r`, `\n` and `\0` are what they look like.
pub fn split(line: &str) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    let mut arg: Option<Vec<u8>> = None;
    let mut is_quoted = false;
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' if !is_quoted => args.extend(arg.take()),
            b'"' => {
                is_quoted = !is_quoted;
                arg.get_or_insert_default();
            }
            b'\\' => arg.get_or_insert_default().push(match bytes.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'0') => 0,
                other => other.expect("something after the backslash"),
            }),
            byte => arg.get_or_insert_default().push(byte),
        }
    }
    args.extend(arg);
    args
}

/// A reply with its types, on one line.
pub fn show(value: &Value) -> String {
    let list = |open: &str, values: &[Value], close: &str| {
        let values: Vec<String> = values.iter().map(show).collect();
        format!("{open}{}{close}", values.join(" "))
    };
    let pairs = |pairs: &[(Value, Value)]| {
        let pairs = pairs.iter();
        let pairs: Vec<String> = pairs
            .map(|(k, v)| format!("{}:{}", show(k), show(v)))
            .collect();
        format!("%{{{}}}", pairs.join(" "))
    };
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Integer(number) => format!("({number})"),
        Value::Double(number) => format!(",{number}"),
        Value::Boolean(truth) => format!("#{truth}"),
        Value::BigNumber(digits) => format!("big {}", digits.escape_ascii()),
        Value::SimpleString(text) => format!("+{}", text.escape_ascii()),
        Value::BulkString(text) => text.escape_ascii().to_string(),
        Value::VerbatimString { text, .. } => format!("={}", text.escape_ascii()),
        Value::Array(values) => list("[", values, "]"),
        Value::Set(values) => list("~[", values, "]"),
        Value::Push(values) => list(">[", values, "]"),
        Value::Map(entries) => pairs(entries),
        Value::Attributed { attributes, value } => {
            format!("|{} {}", pairs(attributes), show(value))
        }
        Value::Error(error) => format!("-{}", error.as_bytes().escape_ascii()),
        _ => "unknown".to_owned(),
    }
}
