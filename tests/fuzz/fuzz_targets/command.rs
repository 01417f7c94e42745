//! Any arguments make a command that encodes to what was put in, and is checked without a panic.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz command`

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_redis_cluster::{Slot, cmd};

// Arguments are separated by spaces; the first is the name.
fuzz_target!(|data: &[u8]| {
    let mut words = data.split(|byte| *byte == b' ');
    let Some(name) = words.next().and_then(|name| std::str::from_utf8(name).ok()) else {
        return;
    };
    let words: Vec<_> = words.collect();
    let command = words.iter().fold(cmd(name), |command, word| command.arg(*word));
    let _ = command.check();
    let _ = format!("{command:?}");
    let _ = (command.slot(), command.is_read_only(), command.is_idempotent());
    for word in words {
        let slot = Slot::of(word);
        assert!(slot.number() < Slot::COUNT);
    }
});
