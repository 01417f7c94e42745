//! The same work done by redis-protocol, the codec of other clients.
//!
//! It decodes without copying, too, but leaves what is incomplete to be decoded from its start again, and has a decoder
//! for each version of the protocol. It writes commands from arguments that are borrowed. Ours copies them into the
//! [`Command`](tower_redis_cluster::Command) in the form they have on the wire, and looks up slot and command in the
//! same go; later, the whole is copied once more, to be written.

use std::hint::black_box;

use bytes::BytesMut;
use redis_protocol::{resp2, resp3};
use tower_redis_cluster::Value;

use crate::codec::{each_reply, read};
use crate::parts::{BUILD_GET, BUILD_SET};
use crate::row::Row;

/// Compared with our row of this name.
pub(crate) fn decoding(name: &'static str, reply: &Value) -> [Row; 2] {
    let (by_resp2, by_resp3) = (read(reply), read(reply));
    let resp2 = Row::new(format!("{name}, redis-protocol RESP2"), || {
        each_reply(by_resp2, |buffer| {
            let decoded = resp2::decode::decode_bytes_mut(buffer).expect("well-formed");
            decoded.expect("complete").0
        })
    });
    let resp3 = Row::new(format!("{name}, redis-protocol RESP3"), || {
        each_reply(by_resp3, |buffer| {
            let decoded = resp3::decode::complete::decode_bytes_mut(buffer).expect("well-formed");
            decoded.expect("complete").0
        })
    });
    [resp2, resp3].map(|row| row.over(name).others())
}

pub(crate) fn encoding() -> [Row; 2] {
    [
        building(BUILD_GET, || [&b"GET"[..], black_box(b"user:1")]),
        building(BUILD_SET, || {
            [&b"SET"[..], black_box(b"user:1"), black_box(&[b'x'; 64])]
        }),
    ]
}

fn building<'a, const ARGUMENTS: usize>(
    name: &'static str,
    arguments: impl Fn() -> [&'a [u8]; ARGUMENTS] + 'static,
) -> Row {
    let row = Row::new(format!("{name}, redis-protocol RESP2"), || {
        let mut buffer = BytesMut::with_capacity(1024);
        move |operations| {
            for _ in 0..operations {
                buffer.clear();
                let arguments = arguments().map(resp2::types::BorrowedFrame::BulkString);
                let frame = resp2::types::BorrowedFrame::Array(&arguments);
                let encoded = resp2::encode::extend_encode_borrowed(&mut buffer, &frame, false);
                encoded.expect("it fits");
                black_box(&buffer);
            }
        }
    });
    row.over(name).others()
}
