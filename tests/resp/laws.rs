//! Properties: decoding undoes encoding, and pieces do not matter.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tower_redis_cluster::resp::{Decoder, Limits, Version, encode};
use tower_redis_cluster::{ServerError, Value};

use crate::samples::samples;
use crate::{decode, feed, wire};

fn text() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn line() -> impl Strategy<Value = Bytes> {
    "[^\r\n]{0,40}".prop_map(Bytes::from)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Integer),
        prop::num::f64::ANY.prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        "[-+]?[0-9]{1,40}".prop_map(|digits| Value::BigNumber(digits.into())),
        line().prop_map(Value::SimpleString),
        text().prop_map(Value::BulkString),
        (any::<[u8; 3]>(), text())
            .prop_map(|(format, text)| Value::VerbatimString { format, text }),
        text().prop_map(|text| Value::Error(ServerError::new(text))),
    ]
}

fn pairs(
    inner: impl Strategy<Value = Value> + Clone,
) -> impl Strategy<Value = Vec<(Value, Value)>> {
    prop::collection::vec((inner.clone(), inner), 0..4)
}

/// Any value that a server may send, but for pushes.
fn reply() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 4, |inner| {
        let values = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            values.clone().prop_map(Value::Array),
            values.prop_map(Value::Set),
            pairs(inner.clone()).prop_map(Value::Map),
            (pairs(inner.clone()), inner).prop_map(|(attributes, value)| Value::Attributed {
                attributes,
                value: Box::new(value),
            }),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => reply(),
        1 => prop::collection::vec(reply(), 0..4).prop_map(Value::Push),
    ]
}

/// Bytes that often look like RESP.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        8 => prop::sample::select(samples()).prop_map(|(bytes, _)| bytes.as_bytes().to_vec()),
        4 => "[-+:$*_,#(%~>|!=;.][0-9?tf-]{0,2}\r\n".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(values in prop::collection::vec(value(), 1..4), size in 1_usize..64) {
        let mut out = BytesMut::new();
        for value in &values {
            encode(value, Version::Resp3, &mut out);
        }
        let outcome = feed(out.chunks(size), Limits::default());
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.replies, values.iter().map(wire).collect::<Vec<_>>());

        // `wire` is made by the encoder under test: compare the values themselves too, where they equal themselves.
        let mut decoder = Decoder::new(Limits::default());
        for value in &values {
            let decoded = decoder.decode(&mut out).unwrap().unwrap();
            let holds_nan = format!("{value:?}").contains("NaN");
            prop_assert!(decoded == *value || holds_nan);
        }
        prop_assert!(out.is_empty());
    }

    #[test]
    fn resp2_is_decoded_to_what_encodes_the_same(value in reply()) {
        let mut first = BytesMut::new();
        encode(&value, Version::Resp2, &mut first);
        let mut second = BytesMut::new();
        encode(&decode(&first), Version::Resp2, &mut second);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn any_bytes_decode_the_same_in_any_pieces(bytes in stream(), size in 1_usize..16) {
        let limits = || Limits::default().max_depth(4).max_elements(64).max_bulk_len(64).max_line_len(64).max_reply_len(48);
        prop_assert_eq!(feed(bytes.chunks(size), limits()), feed([&bytes[..]], limits()));
    }
}
