//! Any reply is a topology that is consistent with itself, or an error.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz topology`

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use tower_redis_cluster::resp::{Decoder, Limits};
use tower_redis_cluster::topology::Topology;
use tower_redis_cluster::{NodeAddr, Slot};

fuzz_target!(|data: &[u8]| {
    let mut decoder = Decoder::new(Limits::default().max_elements(4096));
    let Ok(Some(reply)) = decoder.decode(&mut BytesMut::from(data)) else {
        return;
    };
    let answered_by = NodeAddr::new("seed", 7000);
    for topology in [
        Topology::from_slots(&reply, &answered_by),
        Topology::from_shards(&reply, &answered_by, false),
        Topology::from_shards(&reply, &answered_by, true),
    ] {
        let Ok(topology) = topology else { continue };
        let slots = (0..Slot::COUNT).filter_map(Slot::new);
        let covered = slots.filter(|slot| topology.primary(*slot).is_some());
        assert_eq!(covered.count(), usize::from(topology.covered()));
        for node in topology.nodes() {
            let addr = node.addr();
            assert!(addr.port() != 0 && !addr.host().is_empty() && addr.host() != "?");
        }
        let slot = Slot::of("k");
        let patched = topology.patched(slot, answered_by.clone());
        assert_eq!(patched.primary(slot), Some(&answered_by));
    }
});
