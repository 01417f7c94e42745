//! Arguments that must be counted or checked before they are sent.

use std::time::{Duration, SystemTime};

use super::expiry::{self, Expiry};
use crate::command::{Command, ToArgs, generated};
use crate::error::Error;

impl Command {
    /// Adds what must be one argument: if it were `None`, what follows would take its place, and `SET key NX` would
    /// set the key to `NX`.
    #[inline]
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

    /// Adds pairs of arguments, such as fields and values, of which there is at least one.
    pub(super) fn pairs(self, pairs: impl ToArgs) -> Result<Self, Error> {
        let position = self.arg_count();
        let this = self.arg(pairs);
        match this.arg_count() - position {
            0 => Err(this.invalid("there are no fields")),
            count if count % 2 == 1 => Err(this.invalid(format!("{count} values are no pairs"))),
            _ => Ok(this),
        }
    }

    /// Adds the keys of streams, and an id for each.
    pub(super) fn streams(self, keys: impl ToArgs, ids: impl ToArgs) -> Result<Self, Error> {
        let position = self.arg_count() + 1;
        let this = self.arg("STREAMS").arg(keys);
        let keys = this.arg_count() - position;
        let this = this.arg(ids);
        let ids = this.arg_count() - position - keys;
        // Taken together they might still make sense: of three keys and one id, two keys and two ids.
        if keys == 0 || keys != ids {
            return Err(this.invalid(format!("{keys} streams and {ids} ids: give one for each")));
        }
        Ok(this)
    }

    /// Adds longitude, latitude and member, or several of them.
    pub(super) fn places(self, places: impl ToArgs) -> Result<Self, Error> {
        let places = set_apart(places);
        let count = places.arg_count() - 1;
        if count == 0 || !count.is_multiple_of(3) {
            let message = format!("{count} values are not longitude, latitude and member of each");
            return Err(self.invalid(message));
        }
        let mut coordinates = places.args().skip(1).enumerate();
        if coordinates.any(|(index, value)| index % 3 < 2 && value.eq_ignore_ascii_case(b"nan")) {
            return Err(self.invalid("a coordinate is not a number"));
        }
        Ok(self.copied(&places))
    }

    /// Adds a number that must be one: no server takes NaN.
    pub(super) fn number(self, number: f64) -> Result<Self, Error> {
        if number.is_nan() {
            let message = format!("argument {} is not a number", self.arg_count());
            return Err(self.invalid(message));
        }
        Ok(self.arg(number))
    }

    /// Adds a vector as bytes: 32-bit floats, least significant byte first.
    pub(super) fn vector(self, vector: &[f32]) -> Result<Self, Error> {
        if vector.is_empty() {
            return Err(self.invalid("the vector has no dimensions"));
        }
        if let Some(index) = vector.iter().position(|number| !number.is_finite()) {
            return Err(self.invalid(format!("dimension {index} of the vector is not finite")));
        }
        let bytes: Vec<u8> = vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        Ok(self.arg(("FP32", bytes)))
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
        let (this, millis) = self.checked_block(timeout)?;
        Ok(match millis {
            None => this.arg(0),
            Some(millis) => this.arg(format!("{}.{:03}", millis / 1000, millis % 1000)),
        })
    }

    /// Adds how long the server may wait, in milliseconds; `None` is forever.
    pub(super) fn block_millis(self, timeout: Option<Duration>) -> Result<Self, Error> {
        let (this, millis) = self.checked_block(timeout)?;
        Ok(this.arg(millis.unwrap_or(0)))
    }

    /// Checks how long the server may wait, and gives it in milliseconds.
    fn checked_block(self, timeout: Option<Duration>) -> Result<(Self, Option<i64>), Error> {
        let Some(timeout) = timeout else {
            return Ok((self, None));
        };
        if timeout.is_zero() {
            return Err(self.invalid("a timeout of zero would wait forever: say None for that"));
        }
        let this = self.checked(Some(Expiry::In(timeout)))?;
        Ok((this, Some(expiry::millis(timeout))))
    }
}

/// Writes arguments to a command of their own, whichever it is: their number goes ahead of them, and is known only
/// when they are written.
fn set_apart(items: impl ToArgs) -> Command {
    Command::known(&generated::ECHO).arg(items)
}
