//! What a run is told by its environment.

use std::env;
use std::time::Duration;

/// The seed of the first round: `CHAOS_SEED`, or else a random one.
pub(crate) fn seed() -> u64 {
    number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000_000))
}

/// How long the faults of all rounds of one kind last together: half of `CHAOS_SECONDS`, and 10 seconds unless set.
pub(crate) fn time() -> Duration {
    Duration::from_secs(number("CHAOS_SECONDS").map_or(10, |seconds| seconds.div_ceil(2)))
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")),
    )
}
