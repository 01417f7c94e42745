//! Bytes that are not RESP.

use tower_redis_cluster::resp::Limits;

use crate::{error, feed};

#[test]
fn malformed_input_is_named_with_its_place() {
    for (bytes, message) in [
        (
            "HTTP/1.1 400 Bad Request\r\n",
            "unknown type (type 'H', byte 0 of the stream)",
        ),
        (
            "\x15\x03\x01",
            "unknown type (type '\\x15', byte 0 of the stream)",
        ),
        (
            "+OK\r\n*1\r\n?",
            "unknown type (type '?', byte 9 of the stream)",
        ),
        (
            "+OK\n",
            "a line feed without a carriage return (type '+', byte 0 of the stream)",
        ),
        (
            "+a\rb\r\n",
            "a carriage return without a line feed (type '+', byte 0 of the stream)",
        ),
        (
            "$1\r\nab\r\n",
            "a string that does not end where its length says (type '$', byte 4 of the stream)",
        ),
    ] {
        assert_eq!(error(bytes), message, "{bytes:?}");
    }
}

#[test]
fn malformed_input_is_refused() {
    for bytes in [
        "$+1\r\na\r\n",
        "$-2\r\n",
        "$-0\r\n",
        "$\r\n",
        "$ 1\r\na\r\n",
        "$01x\r\n",
        "$1\r\na\n\n",
        "$1\r\na\r\r",
        "$18446744073709551616\r\n",
        "*+1\r\n",
        "*-2\r\n",
        "*\r\n",
        "*1a\r\n",
        "*9223372036854775808\r\n",
        "%-1\r\n",
        "~-1\r\n",
        ">-1\r\n",
        "|-1\r\n",
        "!-1\r\n",
        "=-1\r\n",
        ">?\r\n",
        "|?\r\n",
        "!?\r\n",
        "=?\r\n",
        ";?\r\n",
        ":\r\n",
        ":1.0\r\n",
        ":9223372036854775808\r\n",
        ": 1\r\n",
        ":1\n",
        ",\r\n",
        ",1,5\r\n",
        ",infinity\r\n",
        "#\r\n",
        "#true\r\n",
        "_x\r\n",
        "(\r\n",
        "(1a\r\n",
        "(-\r\n",
        "=3\r\ntxt\r\n",
        "=5\r\ntxt-a\r\n",
        // Parts and end marks where nothing is streamed, or the wrong thing is.
        ".\r\n",
        ";1\r\na\r\n",
        "*1\r\n.\r\n",
        "*1\r\n;1\r\na\r\n",
        "*?\r\n;0\r\n",
        "*?\r\n.x\r\n",
        "$?\r\n+a\r\n",
        "$?\r\n.\r\n",
        "$?\r\n;-1\r\n",
        "$?\r\n$1\r\na\r\n",
        // Half a pair, and attributes of nothing.
        "%?\r\n:1\r\n.\r\n",
        "*?\r\n|1\r\n:1\r\n:2\r\n.\r\n",
        "*?\r\n|1\r\n.\r\n",
        // A push inside a reply.
        "*1\r\n>1\r\n:1\r\n",
        "|0\r\n>1\r\n:1\r\n",
        "*?\r\n>0\r\n",
    ] {
        error(bytes);
    }
}

#[test]
fn an_error_does_not_depend_on_the_pieces() {
    let limits = || {
        Limits::default()
            .max_line_len(23)
            .max_bulk_len(4)
            .max_depth(2)
    };
    for bytes in [
        "+OK\r\n:1x\r\n",
        "*2\r\n:1\r\n?\r\n",
        "+a line that goes on and on\r\n",
        "+a line that goes on and on\n",
        "$5\r\nhello\r\n",
        "$?\r\n;3\r\nabc\r\n;2\r\nde\r\n",
        "*1\r\n*1\r\n*1\r\n",
        "$2\r\nabc\r\n",
    ] {
        let bytes = bytes.as_bytes();
        let whole = feed([bytes], limits());
        assert!(whole.error.is_some());
        assert_eq!(feed(bytes.chunks(1), limits()), whole);
    }
}
