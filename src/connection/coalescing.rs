//! When to write what is encoded: at once, or after a yield that lets other callers add to it.
//!
//! A write costs as much as many commands. On a busy connection the callers that were just answered are about to send their
//! next commands, so a yield to the scheduler, which lets them, is worth far more than it costs to wait; and so is another
//! as long as more commands come. A caller that is alone would only wait longer.

/// No more yields than this before a flush: commands without end must not keep the first ones waiting.
const YIELDS: u8 = 4;

#[derive(Default)]
pub(super) struct Coalescing {
    /// Calls answered since the last flush: how many callers may be about to send their next command.
    answered: usize,
    /// Yields since the last flush.
    yields: u8,
    /// How many bytes had been encoded at the last yield, since the connection began.
    encoded_at_yield: u64,
}

impl Coalescing {
    /// Takes note that a call was answered.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    /// True while other callers are likely to add to what is about to be written.
    pub(super) fn expects_more(&self, in_flight: usize, encoded: u64) -> bool {
        let is_alone = self.answered <= 1 && in_flight <= 1;
        !is_alone && self.yields < YIELDS && encoded > self.encoded_at_yield
    }

    /// Takes note of a yield to the scheduler.
    pub(super) fn yielded(&mut self, encoded: u64) {
        self.yields += 1;
        self.encoded_at_yield = encoded;
    }

    /// Takes note that everything was written.
    pub(super) fn flushed(&mut self) {
        self.answered = 0;
        self.yields = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_does_not_wait_for_others() {
        let mut coalescing = Coalescing::default();
        assert!(!coalescing.expects_more(1, 10));
        coalescing.answered();
        assert!(!coalescing.expects_more(1, 10));
        coalescing.answered();
        assert!(coalescing.expects_more(1, 10));
        assert!(Coalescing::default().expects_more(2, 10));
    }

    #[test]
    fn there_is_another_yield_as_long_as_more_comes_and_not_without_end() {
        let mut coalescing = Coalescing::default();
        coalescing.yielded(10);
        assert!(!coalescing.expects_more(2, 10));
        for encoded in [20, 30, 40] {
            assert!(coalescing.expects_more(2, encoded));
            coalescing.yielded(encoded);
        }
        assert!(!coalescing.expects_more(2, 50));
        coalescing.flushed();
        assert!(coalescing.expects_more(2, 50));
    }
}
