//! The keys, and what each of them holds.

use bytes::Bytes;

/// Of larger values only one cache line in each of so many bytes is compared: to read all of a megabyte costs as much as
/// to receive it.
const STRIDE: usize = 4096;
const LINE: usize = 64;

/// Keys that always hold the same values, so that any reply can be checked, whoever writes meanwhile.
pub(crate) struct Dataset {
    keys: Vec<String>,
    /// The value of the key `i` is `size` bytes from `i` on. They are never freed, so that no task touches a reference
    /// count that others touch too.
    bytes: &'static [u8],
    size: usize,
}

impl Dataset {
    /// The keys with values of `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        // As many as show the servers' caches something, within some 64 MiB.
        let count = ((64 << 20) / size).clamp(64, 10_000);
        let mut rng = fastrand::Rng::with_seed(size as u64);
        Self {
            keys: (0..count)
                .map(|index| format!("{size}:{index:06}"))
                .collect(),
            bytes: Vec::leak((0..count + size).map(|_| rng.u8(..)).collect()),
            size,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn key(&self, index: usize) -> &str {
        &self.keys[index]
    }

    /// What the key holds.
    pub(crate) fn value(&self, index: usize) -> Bytes {
        Bytes::from_static(&self.bytes[index..index + self.size])
    }

    /// True if this is what the key holds.
    pub(crate) fn holds(&self, index: usize, found: &[u8]) -> bool {
        let expected = &self.bytes[index..index + self.size];
        if self.size <= STRIDE {
            return found == expected;
        }
        let lines = (0..self.size).step_by(STRIDE).chain([self.size - LINE]);
        found.len() == self.size
            && lines
                .map(|start| start..(start + LINE).min(self.size))
                .all(|line| found[line.clone()] == expected[line])
    }
}

#[cfg(test)]
mod tests {
    use super::Dataset;

    #[test]
    fn a_value_is_that_of_its_key_alone() {
        for size in [64, 16 << 10] {
            let data = Dataset::new(size);
            assert!(data.holds(3, &data.value(3)));
            assert!(!data.holds(3, &data.value(4)));
            assert!(!data.holds(3, &data.value(3)[1..]));
        }
    }

    #[test]
    fn damage_in_a_compared_line_is_seen() {
        let data = Dataset::new(1 << 20);
        let mut value = data.value(7).to_vec();
        *value.last_mut().expect("it is not empty") ^= 1;
        assert!(!data.holds(7, &value));
    }
}
