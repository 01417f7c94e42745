//! Arguments that must be counted or checked before they are sent.

use std::time::{Duration, SystemTime};

use super::expiry::{self, Expiry};
use crate::command::{Command, ToArgs, generated};
use crate::error::Error;

impl Command {
    /// Adds what must be one argument: if it were `None`, what follows would take its place, and `SET key NX` would
    /// set the key to `NX`.
    pub(super) fn one(self, value: impl ToArgs) -> Result<Self, Error> {
        let position = self.arg_count();
        let this = self.arg(value);
        match this.arg_count() - position {
            1 => Ok(this),
            count => {
                let message = format!("argument {position} must be one value, not {count}");
                Err(this.invalid(message))
            }
        }
    }

    /// Adds arguments behind their number: `numkeys key ...`.
    pub(super) fn counted(self, items: impl ToArgs) -> Self {
        let items = set_apart(items);
        self.arg(items.arg_count() - 1).copied(&items)
    }

    /// Adds pairs of arguments behind the number of pairs: `numfields field value ...`.
    pub(super) fn counted_pairs(self, pairs: impl ToArgs) -> Result<Self, Error> {
        let pairs = set_apart(pairs);
        let count = pairs.arg_count() - 1;
        // An option behind it would become the last value.
        if count % 2 == 1 {
            return Err(self.invalid(format!("{count} values are no pairs")));
        }
        Ok(self.arg(count / 2).copied(&pairs))
    }

    fn copied(self, other: &Self) -> Self {
        other.args().skip(1).fold(self, Self::arg)
    }

    /// Adds a time to live in milliseconds.
    pub(super) fn ttl(self, ttl: Duration) -> Result<Self, Error> {
        let this = self.checked(Some(Expiry::In(ttl)))?;
        Ok(this.arg(expiry::millis(ttl)))
    }

    /// Adds a point in time, in milliseconds since the epoch.
    pub(super) fn unix_time(self, time: SystemTime) -> Result<Self, Error> {
        let this = self.checked(Some(Expiry::At(time)))?;
        Ok(this.arg(expiry::unix_millis(time)))
    }

    /// Checks an expiry that is to be added.
    pub(super) fn checked(self, expiry: Option<Expiry>) -> Result<Self, Error> {
        match expiry.map_or(Ok(()), Expiry::check) {
            Ok(()) => Ok(self),
            Err(message) => Err(self.invalid(message)),
        }
    }

    /// Adds how long the server may wait, in seconds; `None` is forever.
    pub(super) fn block_for(self, timeout: Option<Duration>) -> Result<Self, Error> {
        let Some(timeout) = timeout else {
            return Ok(self.arg(0));
        };
        if timeout.is_zero() {
            return Err(self.invalid("a timeout of zero would wait forever: say None for that"));
        }
        let this = self.checked(Some(Expiry::In(timeout)))?;
        let millis = expiry::millis(timeout);
        Ok(this.arg(format!("{}.{:03}", millis / 1000, millis % 1000)))
    }
}

/// Writes arguments to a command of their own, whichever it is: their number goes ahead of them, and is known only
/// when they are written.
fn set_apart(items: impl ToArgs) -> Command {
    Command::known(&generated::ECHO).arg(items)
}
