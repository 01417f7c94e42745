//! All that happened in a run, as one number.

/// A hash of events. Two runs of one seed have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    pub hash: u64,
    pub events: u64,
}

impl Trace {
    pub fn record(&mut self, event: &str, at_ms: u64) {
        let mut hash = self.hash ^ mix(at_ms);
        for byte in event.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        self.hash = hash;
        self.events += 1;
    }
}

/// splitmix64: the same number for the same number, and otherwise as good as random.
pub fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
