//! Any error reply is a redirect to somewhere that can be dialled, or an error, or no redirect.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz redirect`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_redis_cluster::topology::Redirect;
use tower_redis_cluster::{Delivery, NodeAddr, ServerError};

fuzz_target!(|data: &[u8]| {
    let answered_by = NodeAddr::new("seed", 7000);
    for begin in [&b""[..], b"MOVED ", b"ASK ", b"MOVED 3999 ", b"ASK 3999 "] {
        let error = ServerError::new([begin, data].concat());
        match Redirect::parse(&error, &answered_by) {
            None => assert!(!matches!(error.code(), "MOVED" | "ASK")),
            Some(Err(error)) => assert_eq!(error.delivery(), Delivery::NotApplied),
            Some(Ok(redirect)) => {
                let addr = redirect.addr();
                assert!(addr.port() != 0 && !addr.host().is_empty() && addr.host() != "?");
                // As it is written, it is read.
                let again = ServerError::new(format!(
                    "{} {} {}",
                    redirect.kind(),
                    redirect.slot().number(),
                    addr
                ));
                let again = Redirect::parse(&again, &answered_by);
                assert_eq!(again.expect("one").expect("valid"), redirect);
            }
        }
    }
});
