//! Any text is an address or an error, and what is secret in it is not shown.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz url`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_redis_cluster::connect::ConnectUrl;
use tower_redis_cluster::{ErrorKind, NodeAddr};

const SECRET: &str = "zQ9-kX7";

fuzz_target!(|text: &str| {
    let middle = text.char_indices().nth(text.chars().count() / 2);
    let (before, after) = text.split_at(middle.map_or(0, |(place, _)| place));
    let before = before.trim_end_matches('@');
    for text in [
        text.to_owned(),
        format!("redis://{text}"),
        format!("redis://app:{SECRET}{before}@{after}"),
        format!("valkeys://:{before}{SECRET}@{after}"),
    ] {
        match text.parse::<ConnectUrl>() {
            Ok(url) => {
                let addr = url.addr();
                assert!(addr.unix_path().is_some() || addr.port() != 0);
                assert!(!format!("{url:?}").contains(SECRET) || !is_password(&url));
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
            }
        }
    }
    if let Ok(addr) = text.parse::<NodeAddr>() {
        assert_eq!(addr.to_string().parse::<NodeAddr>().ok(), Some(addr));
    }
});

/// Where the text of the fuzzer has an '@' or a slash, what was to be the password is something else.
fn is_password(url: &ConnectUrl) -> bool {
    (url.credentials()).is_some_and(|credentials| credentials.password().contains(SECRET))
}
