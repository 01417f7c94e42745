//! Every type of the protocol, whole and in every split.

use bytes::{Bytes, BytesMut};
use tower_redis_cluster::resp::{Decoder, Limits};
use tower_redis_cluster::{ServerError, Value};

use crate::{Outcome, decode, feed, wire};

fn bulk(text: &'static str) -> Value {
    Value::BulkString(Bytes::from_static(text.as_bytes()))
}

fn simple(text: &'static str) -> Value {
    Value::SimpleString(Bytes::from_static(text.as_bytes()))
}

pub(crate) fn samples() -> Vec<(&'static str, Value)> {
    use Value::*;
    vec![
        ("+OK\r\n", simple("OK")),
        ("+\r\n", simple("")),
        (
            "+Background saving started\r\n",
            simple("Background saving started"),
        ),
        ("-WRONGTYPE no\r\n", Error(ServerError::new("WRONGTYPE no"))),
        (
            "!8\r\nERR a\r\nb\r\n",
            Error(ServerError::new("ERR a\r\nb")),
        ),
        (":-42\r\n", Integer(-42)),
        (":9223372036854775807\r\n", Integer(i64::MAX)),
        ("$5\r\nhello\r\n", bulk("hello")),
        ("$4\r\n\r\n\r\n\r\n", bulk("\r\n\r\n")),
        ("$0\r\n\r\n", bulk("")),
        ("$-1\r\n", Nil),
        ("*-1\r\n", Nil),
        ("_\r\n", Nil),
        (",1.5\r\n", Double(1.5)),
        (",-inf\r\n", Double(f64::NEG_INFINITY)),
        ("#t\r\n", Boolean(true)),
        ("#f\r\n", Boolean(false)),
        (
            "(-3492890328409238509324850943850943825024385\r\n",
            BigNumber("-3492890328409238509324850943850943825024385".into()),
        ),
        (
            "=7\r\ntxt:abc\r\n",
            VerbatimString {
                format: *b"txt",
                text: "abc".into(),
            },
        ),
        (
            "=4\r\nmkd:\r\n",
            VerbatimString {
                format: *b"mkd",
                text: Bytes::new(),
            },
        ),
        ("*0\r\n", Array(vec![])),
        (
            "*3\r\n:1\r\n*1\r\n$1\r\na\r\n_\r\n",
            Array(vec![Integer(1), Array(vec![bulk("a")]), Nil]),
        ),
        ("~2\r\n:1\r\n:2\r\n", Set(vec![Integer(1), Integer(2)])),
        ("%0\r\n", Map(vec![])),
        (
            "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
            Map(vec![
                (simple("a"), Integer(1)),
                (simple("b"), Array(vec![Integer(2)])),
            ]),
        ),
        (
            ">2\r\n$7\r\nmessage\r\n:1\r\n",
            Push(vec![bulk("message"), Integer(1)]),
        ),
        (
            "|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n",
            Attributed {
                attributes: vec![(simple("ttl"), Integer(9))],
                value: Box::new(bulk("v")),
            },
        ),
        (
            "|0\r\n:1\r\n",
            Attributed {
                attributes: vec![],
                value: Box::new(Integer(1)),
            },
        ),
        (
            "*2\r\n:1\r\n|1\r\n+a\r\n%1\r\n:1\r\n:2\r\n:3\r\n",
            Array(vec![
                Integer(1),
                Attributed {
                    attributes: vec![(simple("a"), Map(vec![(Integer(1), Integer(2))]))],
                    value: Box::new(Integer(3)),
                },
            ]),
        ),
        ("$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", bulk("Hello")),
        ("$?\r\n;0\r\n", bulk("")),
        (
            "*?\r\n:1\r\n*?\r\n.\r\n:2\r\n.\r\n",
            Array(vec![Integer(1), Array(vec![]), Integer(2)]),
        ),
        ("~?\r\n:1\r\n.\r\n", Set(vec![Integer(1)])),
        (
            "%?\r\n:1\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n",
            Map(vec![(Integer(1), bulk("a"))]),
        ),
    ]
}

#[test]
fn every_type_decodes() {
    for (bytes, value) in samples() {
        assert_eq!(decode(bytes), value, "{bytes:?}");
    }
    assert!(matches!(decode(",nan\r\n"), Value::Double(number) if number.is_nan()));
}

#[test]
fn a_split_anywhere_changes_nothing() {
    for (bytes, value) in samples() {
        let whole = Outcome {
            replies: vec![wire(&value)],
            error: None,
        };
        let bytes = bytes.as_bytes();
        for split in 0..=bytes.len() {
            let (front, back) = bytes.split_at(split);
            assert_eq!(feed([front, back], Limits::default()), whole, "at {split}");
        }
        assert_eq!(feed(bytes.chunks(1), Limits::default()), whole);
    }
}

#[test]
fn no_part_of_a_reply_is_a_reply() {
    for (bytes, _) in samples() {
        let part = &bytes.as_bytes()[..bytes.len() - 1];
        let nothing = Outcome {
            replies: vec![],
            error: None,
        };
        assert_eq!(feed([part], Limits::default()), nothing, "{bytes:?}");
    }
}

#[test]
fn replies_and_pushes_in_a_row_come_out_one_by_one() {
    let stream: String = samples().iter().map(|(bytes, _)| *bytes).collect();
    let replies: Vec<_> = samples().iter().map(|(_, value)| wire(value)).collect();
    for size in [1, 2, 3, 7, 64, stream.len()] {
        let outcome = feed(stream.as_bytes().chunks(size), Limits::default());
        assert_eq!(outcome.replies, replies);
        assert_eq!(outcome.error, None);
    }
}

#[test]
fn bulk_strings_are_slices_of_the_buffer() {
    let mut buf = BytesMut::from("$5\r\nhello\r\n");
    let place = buf[4..].as_ptr();
    let value = Decoder::new(Limits::default()).decode(&mut buf);
    let Ok(Some(Value::BulkString(text))) = value else {
        panic!("no bulk string")
    };
    assert_eq!(text.as_ptr(), place);
}
