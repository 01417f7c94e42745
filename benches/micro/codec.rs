//! The codec.

use std::hint::black_box;

use bytes::BytesMut;
use tower_redis_cluster::Value;
use tower_redis_cluster::resp::{Decoder, Limits, Version, encode};

use crate::peer_codec;
use crate::row::Row;

/// What one read brings, about: as much as fits of replies that came together.
const READ: usize = 16 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, reply) in replies() {
        rows.push(decoding(name, &reply));
        rows.extend(peer_codec::decoding(name, &reply));
    }
    rows.push(encoding("encode reply $64", text(64)));
    rows
}

fn replies() -> [(&'static str, Value); 5] {
    [
        ("decode +OK", Value::SimpleString("OK".into())),
        ("decode :1", Value::Integer(1)),
        ("decode $64", text(64)),
        ("decode $16384", text(16 * 1024)),
        (
            "decode array of 100 $8",
            Value::Array((0..100).map(|_| text(8)).collect()),
        ),
    ]
}

fn text(length: usize) -> Value {
    Value::BulkString(vec![b'x'; length].into())
}

fn decoding(name: &'static str, reply: &Value) -> Row {
    let read = read(reply);
    Row::new(name, move || {
        let mut decoder = Decoder::new(Limits::default());
        each_reply(read, move |buffer| {
            let decoded = decoder.decode(buffer).expect("well-formed");
            decoded.expect("complete")
        })
    })
}

/// The same reply again and again.
pub(crate) fn read(reply: &Value) -> Vec<u8> {
    let mut one = BytesMut::new();
    encode(reply, Version::Resp3, &mut one);
    // A power of two of them, as the operations are that are counted.
    let fitting = (READ / one.len()).max(1);
    one.repeat(1 << fitting.ilog2())
}

/// The copy into the buffer is part of it, as of reading from a socket. The values share the buffer.
pub(crate) fn each_reply<T>(
    read: Vec<u8>,
    mut decode: impl FnMut(&mut BytesMut) -> T,
) -> impl FnMut(u32) {
    let mut buffer = BytesMut::new();
    move |operations| {
        for _ in 0..operations {
            if buffer.is_empty() {
                buffer.extend_from_slice(black_box(&read));
            }
            black_box(decode(&mut buffer));
        }
    }
}

fn encoding(name: &'static str, reply: Value) -> Row {
    Row::new(name, || {
        let mut buffer = BytesMut::with_capacity(READ);
        move |operations| {
            for _ in 0..operations {
                buffer.clear();
                encode(black_box(&reply), Version::Resp3, &mut buffer);
                black_box(&buffer);
            }
        }
    })
}
