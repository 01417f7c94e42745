//! Replies that are RESP, but too much of it; and that work and memory stay in proportion to what has arrived.

use bytes::BytesMut;
use tower_redis_cluster::resp::{Decoder, Limits};

use crate::error_within;

#[test]
fn each_limit_is_the_last_value_that_is_accepted() {
    let depth = || Limits::default().max_depth(2);
    assert_eq!(error_within("*1\r\n*1\r\n:1\r\n", depth()), None);
    for bytes in [
        "*1\r\n*1\r\n*1\r\n",
        "|1\r\n*1\r\n*1\r\n",
        "*?\r\n%?\r\n*?\r\n",
        "|0\r\n|0\r\n|0\r\n",
    ] {
        let message = error_within(bytes, depth()).unwrap();
        assert!(
            message.starts_with("a reply nested more than 2 deep"),
            "{message}"
        );
    }

    let bulk = || Limits::default().max_bulk_len(4);
    assert_eq!(error_within("$4\r\nabcd\r\n", bulk()), None);
    assert_eq!(
        error_within("$?\r\n;2\r\nab\r\n;2\r\ncd\r\n;0\r\n", bulk()),
        None
    );
    for bytes in [
        "$5\r\n",
        "!5\r\n",
        "=5\r\n",
        "$?\r\n;5\r\n",
        "$?\r\n;2\r\nab\r\n;3\r\n",
    ] {
        let message = error_within(bytes, bulk()).unwrap();
        assert!(
            message.starts_with("a string of more than 4 bytes"),
            "{message}"
        );
    }

    let elements = || Limits::default().max_elements(4);
    for bytes in [
        "*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "*1\r\n%1\r\n:1\r\n:1\r\n",
        "*4\r\n",
        "%2\r\n",
    ] {
        assert_eq!(error_within(bytes, elements()), None);
        // The count begins anew with each reply.
        for before in ["*3\r\n:1\r\n:1\r\n:1\r\n", "*?\r\n:1\r\n:1\r\n:1\r\n.\r\n"] {
            assert_eq!(error_within(format!("{before}{bytes}"), elements()), None);
        }
    }
    for bytes in [
        "*5\r\n",
        "%3\r\n",
        "|3\r\n",
        "*2\r\n:1\r\n*3\r\n",
        "*2\r\n|1\r\n:1\r\n:1\r\n*1\r\n",
        "*?\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "%?\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "$?\r\n;1\r\na\r\n;1\r\na\r\n;1\r\na\r\n;1\r\na\r\n;1\r\na\r\n",
        "*9223372036854775807\r\n",
        "%9223372036854775807\r\n",
    ] {
        let message = error_within(bytes, elements()).unwrap();
        assert!(
            message.starts_with("a reply of more than 4 elements"),
            "{message}"
        );
    }

    let reply = || Limits::default().max_reply_len(16);
    for bytes in [
        "*2\r\n+hello\r\n+a\r\n",
        "*2\r\n$3\r\nabc\r\n:1\r\n",
        "$20\r\nby itself, a string \r\n",
    ] {
        let twice = bytes.repeat(2);
        assert_eq!(error_within(twice, reply()), None, "{bytes:?}");
    }
    for bytes in [
        "*3\r\n+hello\r\n+hello\r\n:1\r\n",
        "*2\r\n$13\r\nabcdefghijklm\r\n",
        "*2\r\n$13\r\n",
        "*?\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
        "%1\r\n*2\r\n+key\r\n+value\r\n:1\r\n",
    ] {
        let message = error_within(bytes, reply()).unwrap();
        assert!(
            message.starts_with("a reply of more than 16 bytes"),
            "{message}"
        );
    }

    let line = || Limits::default().max_line_len(23);
    assert_eq!(error_within(format!("+{:20}\r\n", ""), line()), None);
    for bytes in [format!("+{:21}\r\n", ""), format!("+{:22}", "")] {
        let message = error_within(bytes, line()).unwrap();
        assert!(
            message.starts_with("a line of more than 23 bytes"),
            "{message}"
        );
    }
}

#[test]
fn a_promised_length_reserves_no_more_than_has_arrived() {
    let mut decoder = Decoder::new(Limits::default());
    let mut buf = BytesMut::from("$536870912\r\n");
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    let first = decoder.bytes_needed();
    assert!(first <= 2 * 1024 * 1024, "{first}");

    buf.extend_from_slice(&vec![b'x'; 8 * 1024 * 1024]);
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    assert_eq!(decoder.bytes_needed(), 8 * 1024 * 1024);
}

#[test]
fn the_bytes_needed_are_those_that_are_missing() {
    let mut decoder = Decoder::new(Limits::default());
    let mut buf = BytesMut::new();
    assert_eq!(decoder.decode(&mut buf), Ok(None));
    assert_eq!(decoder.bytes_needed(), 0);
    for (piece, needed) in [("$", 1), ("1048576\r\n", 1_048_578), ("abc", 1_048_575)] {
        buf.extend_from_slice(piece.as_bytes());
        assert_eq!(decoder.decode(&mut buf), Ok(None));
        assert_eq!(decoder.bytes_needed(), needed, "after {piece:?}");
    }
    buf.extend_from_slice(&vec![b'x'; 1_048_573]);
    buf.extend_from_slice(b"\r\n");
    assert!(matches!(decoder.decode(&mut buf), Ok(Some(_))));
    assert_eq!(decoder.bytes_needed(), 0);
}

#[test]
fn a_deep_reply_needs_no_deep_stack() {
    let limits = || Limits::default().max_depth(usize::MAX);
    let deep = "*1\r\n".repeat(1024);
    let mut buf = BytesMut::from(format!("{deep}:1\r\n").as_str());
    assert!(matches!(
        Decoder::new(limits()).decode(&mut buf),
        Ok(Some(_))
    ));
    let deeper = "|1\r\n:1\r\n*1\r\n".repeat(600);
    assert!(error_within(deeper, limits()).is_some());
}

#[test]
fn what_has_been_decoded_is_not_kept_in_the_buffer() {
    // So that it cannot be read again: what stays is less than one line or one string.
    let mut stream = b"*3\r\n*1000\r\n".to_vec();
    stream.extend_from_slice(&b"$1\r\na\r\n".repeat(1000));
    stream.extend_from_slice(b"%?\r\n");
    stream.extend_from_slice(&b"+key\r\n$?\r\n;2\r\nab\r\n;0\r\n".repeat(1000));
    stream.extend_from_slice(b".\r\n|1\r\n+a\r\n:1\r\n:1\r\n");

    let mut decoder = Decoder::new(Limits::default());
    let mut buf = BytesMut::new();
    let mut replies = 0;
    for piece in stream.chunks(1) {
        buf.extend_from_slice(piece);
        replies += usize::from(decoder.decode(&mut buf).unwrap().is_some());
        assert!(buf.len() < b"*1000\r\n".len(), "{buf:?}");
    }
    assert_eq!(replies, 1);
}

#[test]
fn memory_stays_in_proportion_to_what_has_arrived() {
    const ARRIVED: usize = 1024 * 1024;
    for (begin, repeated) in [
        ("", "*16777216\r\n"),
        ("*16777216\r\n", "_\r\n"),
        ("*?\r\n", "_\r\n"),
        ("*4194304\r\n", "*1\r\n_\r\n"),
        ("*4194304\r\n", "%1\r\n_\r\n_\r\n"),
        ("*?\r\n", "|1\r\n_\r\n_\r\n_\r\n"),
        ("", "|1\r\n+a\r\n+a\r\n"),
        ("|4194304\r\n", "_\r\n"),
        ("$?\r\n", ";1\r\na\r\n"),
        ("$536870912\r\n", "x"),
        ("*2\r\n$536870912\r\n", "x"),
        ("!536870912\r\n", "x"),
        ("+", "x"),
        ("-", "x"),
        ("(", "1"),
        (">16777216\r\n", "_\r\n"),
    ] {
        let piece = repeated.repeat(1 + 16 * 1024 / repeated.len());
        let allocated = allocation_counter::measure(|| {
            let mut decoder = Decoder::new(Limits::default());
            let mut buf = BytesMut::from(begin);
            let mut arrived = 0;
            while arrived < ARRIVED && decoder.decode(&mut buf).is_ok() {
                buf.reserve(decoder.bytes_needed().max(piece.len()));
                buf.extend_from_slice(piece.as_bytes());
                arrived += piece.len();
            }
        });
        let bound = 32 * ARRIVED as u64;
        assert!(
            allocated.bytes_max < bound,
            "{begin:?} {repeated:?}: {allocated:?}"
        );
    }
}
