//! The codec, slots and commands.

use std::hint::black_box;

use bytes::BytesMut;
use tower_redis_cluster::resp::{Decoder, Limits, Version, encode};
use tower_redis_cluster::{Command, Slot, Value, cmd};

use crate::harness::Row;

/// What one read brings, about: as much as fits of replies that came together.
const READ: usize = 16 * 1024;

pub(crate) fn rows() -> Vec<Row> {
    let text = |length| Value::BulkString(vec![b'x'; length].into());
    let array = Value::Array((0..100).map(|_| text(8)).collect());
    vec![
        decoding("decode +OK", &Value::SimpleString("OK".into())),
        decoding("decode :1", &Value::Integer(1)),
        decoding("decode $64", &text(64)),
        decoding("decode array of 100 $8", &array),
        decoding("decode $16384", &text(16 * 1024)),
        encoding("encode reply $64", text(64)),
        hashing::<16>("slot of a key of 16 bytes"),
        hashing::<64>("slot of a key of 64 bytes"),
        building("build and encode GET", || {
            cmd("GET").arg(black_box("user:1"))
        }),
        building("build and encode SET of 16 bytes", || {
            cmd("SET")
                .arg(black_box("user:1"))
                .arg(black_box("0123456789abcdef"))
        }),
        building("build and encode SET of 64 bytes", || {
            cmd("SET")
                .arg(black_box("user:1"))
                .arg(black_box([b'x'; 64].as_slice()))
        }),
        building("build and encode MGET of 10", || {
            let keys = black_box(["{user}:1"; 10]);
            keys.iter()
                .fold(cmd("MGET"), |command, key| command.arg(key))
        }),
        checking("check of GET", cmd("GET").arg("user:1")),
        checking("check of MGET of 10", cmd("MGET").arg(["{user}:1"; 10])),
        checking(
            "check of XREAD of 2",
            cmd("XREAD").arg(["COUNT", "9", "STREAMS", "{s}1", "{s}2", "0", "0"]),
        ),
    ]
}

/// The copy into the buffer is part of it, as of reading from a socket. The values share the buffer.
fn decoding(name: &'static str, reply: &Value) -> Row {
    let mut one = BytesMut::new();
    encode(reply, Version::Resp3, &mut one);
    let read = one.repeat((READ / one.len()).max(1));
    let mut decoder = Decoder::new(Limits::default());
    let mut buffer = BytesMut::new();
    Row::part(name, move |operations| {
        for _ in 0..operations {
            if buffer.is_empty() {
                buffer.extend_from_slice(black_box(&read));
            }
            let decoded = decoder.decode(&mut buffer).expect("well-formed");
            black_box(decoded.expect("complete"));
        }
    })
}

fn encoding(name: &'static str, reply: Value) -> Row {
    let mut buffer = BytesMut::with_capacity(READ);
    Row::part(name, move |operations| {
        for _ in 0..operations {
            buffer.clear();
            encode(black_box(&reply), Version::Resp3, &mut buffer);
            black_box(&buffer);
        }
    })
}

fn hashing<const LENGTH: usize>(name: &'static str) -> Row {
    Row::part(name, |operations| {
        let key = [b'x'; LENGTH];
        for _ in 0..operations {
            black_box(Slot::of(black_box(key)));
        }
    })
}

/// Its slot, too, which is computed as keys are added.
fn building(name: &'static str, build: impl Fn() -> Command + 'static) -> Row {
    Row::part(name, move |operations| {
        for _ in 0..operations {
            drop(black_box(build()));
        }
    })
}

/// What each command is held against the table for.
fn checking(name: &'static str, command: Command) -> Row {
    Row::part(name, move |operations| {
        for _ in 0..operations {
            black_box(black_box(&command).check()).expect("nothing is wrong");
        }
    })
}
