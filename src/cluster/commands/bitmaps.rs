//! Bits of strings.

use super::typed::commands;
use super::{BitField, BitOperation, BitRange};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Bits of strings
    ///
    /// A string is an array of bits, the first being the highest of its first byte; what is behind its end is 0. See
    /// the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// use tower_redis_cluster::cluster::commands::{BitField, BitInteger, Overflow};
    ///
    /// cluster.setbit("visitors:today", 4711, true).await?;
    /// assert_eq!(cluster.bitcount("visitors:today").await?, 1);
    ///
    /// // Two counters of 8 bits in one string.
    /// let byte = BitInteger::unsigned(8);
    /// let counters = BitField::new().overflow(Overflow::Saturate).incrby(byte, 0, 1).get(byte, 8);
    /// let counts = cluster.bitfield("counters", counters).await?;
    /// assert_eq!(counts, [Some(1), Some(0)]);
    /// # Ok(())
    /// # }
    /// ```
    group "Bits of strings";

    /// How many bits are 1.
    ///
    /// `BITCOUNT`, O(N), since 2.6.
    fn bitcount(key: impl ToArgs) -> u64 {
        Command::known(&table::BITCOUNT).one(key)?
    }

    /// How many bits in a range are 1.
    ///
    /// `BITCOUNT`, O(N) by the range, since 2.6; ranges of bits since 7.0.
    fn bitcount_range(key: impl ToArgs, range: impl Into<BitRange>) -> u64 {
        Command::known(&table::BITCOUNT).one(key)?.arg(range.into())
    }

    /// Reads and writes integers of any width at any place; gives a result for each [`get`](BitField::get),
    /// [`set`](BitField::set) and [`incrby`](BitField::incrby), `None` where nothing was done because of an
    /// [overflow](super::Overflow::Fail).
    ///
    /// `BITFIELD`, O(1) for each, since 3.2.
    fn bitfield(key: impl ToArgs, operations: BitField) -> Vec<Option<i64>> {
        let command = Command::known(&table::BITFIELD).one(key)?;
        command.bit_field(operations)?
    }

    /// As [`bitfield`](Self::bitfield), but takes nothing that writes, and counts as a command that only reads.
    ///
    /// `BITFIELD_RO`, O(1) for each, since 6.0.
    fn bitfield_ro(key: impl ToArgs, operations: BitField) -> Vec<i64> {
        let command = Command::known(&table::BITFIELD_RO).one(key)?;
        if operations.is_writing() {
            return Err(command.invalid("it would write: only get is allowed"));
        }
        command.bit_field(operations)?
    }

    /// Combines keys bit by bit, and keeps the result under another; all must be in one slot. Gives its length in
    /// bytes.
    ///
    /// `BITOP`, O(N) by the bytes of all, since 2.6.
    fn bitop(operation: BitOperation, destination: impl ToArgs, keys: impl ToArgs) -> u64 {
        let command = Command::known(&table::BITOP).arg(operation);
        command.one(destination)?.arg(keys)
    }

    /// The position of the first bit that is 1, or the first that is 0, counted from 0. There is always one that is
    /// 0: right behind the end, if none before it; unless there is no such key, and so no end.
    ///
    /// `BITPOS`, O(N), since 2.8.7.
    fn bitpos(key: impl ToArgs, bit: bool) -> Option<u64> {
        Command::known(&table::BITPOS).one(key)?.arg(bit)
    }
    from position;

    /// The position of the first bit in a range that is 1, or the first that is 0, counted from the start of the
    /// string. What is behind its end is not looked at.
    ///
    /// `BITPOS`, O(N) by the range, since 2.8.7; ranges of bits since 7.0.
    fn bitpos_range(key: impl ToArgs, bit: bool, range: impl Into<BitRange>) -> Option<u64> {
        let command = Command::known(&table::BITPOS).one(key)?.arg(bit);
        command.arg(range.into())
    }
    from position;

    /// The bit at a position, counted from 0.
    ///
    /// `GETBIT`, O(1), since 2.2.
    fn getbit(key: impl ToArgs, offset: u64) -> bool {
        Command::known(&table::GETBIT).one(key)?.arg(offset)
    }

    /// Sets the bit at a position, counted from 0; gives what it was. The string grows up to there: the server
    /// refuses more than 2^32 bits.
    ///
    /// `SETBIT`, O(1), and O(N) by what the string grows, since 2.2.
    fn setbit(key: impl ToArgs, offset: u64, bit: bool) -> bool {
        Command::known(&table::SETBIT).one(key)?.arg((offset, bit))
    }
}

/// -1 if there is no such bit.
fn position(position: i64) -> Option<u64> {
    u64::try_from(position).ok()
}
