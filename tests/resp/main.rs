//! The codec, through its public interface.

mod hostile;
mod laws;
mod limits;
mod samples;

use bytes::BytesMut;
use tower_redis_cluster::Value;
use tower_redis_cluster::resp::{Decoder, Limits, ProtocolError, Version, encode};

/// What a stream came to: the replies, and the error if it ended in one.
#[derive(Debug, PartialEq)]
struct Outcome {
    replies: Vec<String>,
    error: Option<ProtocolError>,
}

fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let mut buf = BytesMut::new();
    let mut replies = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buf) {
                Ok(Some(reply)) => replies.push(wire(&reply)),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut buf), Err(error.clone()));
                    return Outcome {
                        replies,
                        error: Some(error),
                    };
                }
            }
        }
    }
    Outcome {
        replies,
        error: None,
    }
}

/// A value as RESP3: unlike `Value`, this is equal to itself where it holds a NaN.
fn wire(value: &Value) -> String {
    let mut out = BytesMut::new();
    encode(value, Version::Resp3, &mut out);
    out.escape_ascii().to_string()
}

fn decode(bytes: impl AsRef<[u8]>) -> Value {
    let mut buf = BytesMut::from(bytes.as_ref());
    let value = Decoder::new(Limits::default()).decode(&mut buf);
    assert!(buf.is_empty(), "left over: {buf:?}");
    value.unwrap().expect("a whole reply")
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    error_within(bytes, Limits::default()).expect("no error")
}

fn error_within(bytes: impl AsRef<[u8]>, limits: Limits) -> Option<String> {
    let outcome = feed([bytes.as_ref()], limits);
    outcome.error.map(|error| error.to_string())
}
