//! Any bytes, in any pieces, decode to the same as in one piece; and what they decode to survives a round trip.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz decode`

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tower_redis_cluster::Value;
use tower_redis_cluster::resp::{Decoder, Limits, ProtocolError, Version, encode};

// The first byte is the number of pieces' lengths that follow it; the rest is the stream.
fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else {
        return;
    };
    let (lengths, stream) = rest.split_at(rest.len().min(usize::from(count)));

    let whole = decode([stream]);
    assert_eq!(decode(pieces(stream, lengths)), whole);

    let (replies, _) = whole;
    let again = decode([replies.concat().as_slice()]);
    assert_eq!(again, (replies, None));
});

fn pieces<'a>(mut stream: &'a [u8], lengths: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter();
    std::iter::from_fn(move || {
        if stream.is_empty() && lengths.len() == 0 {
            return None;
        }
        let length = lengths.next().map_or(stream.len(), |&length| length.into());
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        stream = rest;
        Some(piece)
    })
}

/// The replies, encoded, since a NaN does not equal itself.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<ProtocolError>) {
    let limits = Limits::default()
        .max_depth(16)
        .max_bulk_len(1024)
        .max_elements(1024);
    let mut decoder = Decoder::new(limits);
    let mut buf = BytesMut::new();
    let mut replies = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buf) {
                Ok(Some(reply)) => replies.push(encoded(&reply)),
                Ok(None) => break,
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode(value, Version::Resp3, &mut out);
    out.to_vec()
}
