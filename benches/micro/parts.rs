//! Slots and commands.

use std::hint::black_box;

use tower_redis_cluster::{Command, Slot, cmd};

use crate::row::Row;

/// What redis-protocol has rows for, too.
pub(crate) const BUILD_GET: &str = "build and encode GET";
pub(crate) const BUILD_SET: &str = "build and encode SET of 64 bytes";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        hashing::<16>("slot of a key of 16 bytes"),
        hashing::<64>("slot of a key of 64 bytes"),
        building(BUILD_GET, || cmd("GET").arg(black_box("user:1"))),
        building("build and encode SET of 16 bytes", || {
            cmd("SET")
                .arg(black_box("user:1"))
                .arg(black_box("0123456789abcdef"))
        }),
        building(BUILD_SET, || {
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

fn hashing<const LENGTH: usize>(name: &'static str) -> Row {
    Row::new(name, || {
        |operations| {
            let key = [b'x'; LENGTH];
            for _ in 0..operations {
                black_box(Slot::of(black_box(key)));
            }
        }
    })
}

/// Its slot, too, which is computed as keys are added.
fn building(name: &'static str, build: impl Fn() -> Command + 'static) -> Row {
    Row::new(name, || {
        move |operations| {
            for _ in 0..operations {
                drop(black_box(build()));
            }
        }
    })
}

/// What each command is held against the table for.
fn checking(name: &'static str, command: Command) -> Row {
    Row::new(name, || {
        move |operations| {
            for _ in 0..operations {
                black_box(black_box(&command).check()).expect("nothing is wrong");
            }
        }
    })
}
