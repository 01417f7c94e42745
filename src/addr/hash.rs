//! Hashes of addresses: computed once, when the address is made.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::LazyLock;

use super::NodeAddr;

/// A map that does not hash its addresses again.
pub(crate) type ByAddr<V> = HashMap<NodeAddr, V, BuildHasherDefault<HashOnce>>;

/// One for all addresses, and another in each process: servers name the nodes, and must not know which names collide.
static RANDOM: LazyLock<RandomState> = LazyLock::new(RandomState::new);

pub(super) fn of(value: &impl Hash) -> u32 {
    RANDOM.hash_one(value) as u32
}

/// The hash that an address has.
#[derive(Default)]
pub(crate) struct HashOnce(u64);

impl Hasher for HashOnce {
    fn write_u32(&mut self, hash: u32) {
        // Hash tables take positions from the low bits and tell neighbours apart by the high ones.
        self.0 = u64::from(hash) << 32 | u64::from(hash);
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("an address writes one number");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
