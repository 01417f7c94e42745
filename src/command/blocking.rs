//! How long a command may wait on the server.

use std::time::Duration;

use super::keys::parse;
use super::table::CommandInfo;

/// For how long a command lets the server wait before it answers.
///
/// Made by [`CommandInfo::block_time`]. A deadline for the reply must come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockTime {
    /// The server answers as soon as it can.
    NotBlocking,
    /// The server may wait this long.
    For(Duration),
    /// The server waits until what it waits for happens: the timeout is 0.
    Forever,
}

impl CommandInfo {
    /// How long a command with these arguments may wait on the server.
    ///
    /// `args` includes the name, and `arg_count` counts it. A timeout that is missing, malformed, negative or out
    /// of range counts as [`NotBlocking`](BlockTime::NotBlocking), since the server refuses the command at once.
    ///
    /// Only what the arguments say is looked at: inside a transaction or a script nothing waits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_redis_cluster::command::{BlockTime, lookup};
    ///
    /// let args: [&[u8]; 3] = [b"BLPOP", b"queue", b"2.5"];
    /// let info = lookup(args[0]).expect("BLPOP is in the table");
    ///
    /// let time = info.block_time(args.len(), args.into_iter());
    /// assert_eq!(time, BlockTime::For(Duration::from_millis(2500)));
    /// ```
    pub fn block_time<'a>(
        &self,
        arg_count: usize,
        mut args: impl Iterator<Item = &'a [u8]>,
    ) -> BlockTime {
        if !self.is_blocking() {
            return BlockTime::NotBlocking;
        }
        let timeout = match self.name() {
            "BLPOP" | "BRPOP" | "BLMOVE" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX" => arg_count
                .checked_sub(1)
                .and_then(|last| args.nth(last))
                .and_then(seconds),
            "BLMPOP" | "BZMPOP" => args.nth(1).and_then(seconds),
            "WAIT" | "WAITAOF" => arg_count
                .checked_sub(1)
                .and_then(|last| args.nth(last))
                .and_then(milliseconds),
            "XREAD" | "XREADGROUP" => block_option(args).and_then(milliseconds),
            // A test holds that there are no others.
            _ => None,
        };
        match timeout {
            None => BlockTime::NotBlocking,
            Some(Duration::ZERO) => BlockTime::Forever,
            Some(time) => BlockTime::For(time),
        }
    }
}

/// The value of `BLOCK` among the options of `XREAD` and `XREADGROUP`, which end at `STREAMS`.
fn block_option<'a>(args: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let mut args = args.skip(1);
    loop {
        let option = args.next()?;
        if option.eq_ignore_ascii_case(b"BLOCK") {
            return args.next();
        } else if option.eq_ignore_ascii_case(b"STREAMS") {
            return None;
        } else if option.eq_ignore_ascii_case(b"GROUP") {
            // Its values are names, which may look like options; all others are numbers.
            args.nth(1);
        }
    }
}

/// Servers round up to whole milliseconds, so that only 0 itself means forever.
fn seconds(argument: &[u8]) -> Option<Duration> {
    let seconds: f64 = parse(argument)?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    let rounded_to_zero = time.is_zero() && seconds > 0.0;
    Some(if rounded_to_zero {
        Duration::from_millis(1)
    } else {
        time
    })
}

fn milliseconds(argument: &[u8]) -> Option<Duration> {
    parse(argument).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::{all, lookup};

    fn block_time(line: &str) -> BlockTime {
        let args = line.split(' ').map(str::as_bytes);
        let info = lookup(args.clone().next().expect("a name")).expect("the table has it");
        info.block_time(args.clone().count(), args)
    }

    #[test]
    fn the_timeout_is_found_in_its_place_and_unit() {
        for (line, millis) in [
            ("BLPOP a b 2.5", 2500),
            ("brpop a 1", 1000),
            ("BLMOVE a b LEFT RIGHT 3", 3000),
            ("BRPOPLPUSH a b 4", 4000),
            ("BZPOPMIN a 1e1", 10_000),
            ("BZPOPMAX a .5", 500),
            ("BLMPOP 2 1 a LEFT COUNT 9", 2000),
            ("BZMPOP 2 1 a MIN COUNT 9", 2000),
            ("XREAD COUNT 1 block 500 STREAMS BLOCK 7", 500),
            (
                "XREADGROUP GROUP BLOCK 8 COUNT 1 NOACK BLOCK 500 STREAMS a >",
                500,
            ),
            ("XREADGROUP GROUP g c CLAIM 9 BLOCK 500 STREAMS a >", 500),
            ("WAIT 1 500", 500),
            ("WAITAOF 1 1 500", 500),
            ("BLPOP a 1e-12", 1),
        ] {
            let time = BlockTime::For(Duration::from_millis(millis));
            assert_eq!(block_time(line), time, "{line}");
        }
    }

    #[test]
    fn zero_is_forever() {
        for line in [
            "BLPOP a 0",
            "BLPOP a 0.0",
            "BLMPOP 0 1 a LEFT",
            "XREAD BLOCK 0 STREAMS a $",
            "WAIT 1 0",
        ] {
            assert_eq!(block_time(line), BlockTime::Forever, "{line}");
        }
    }

    #[test]
    fn what_cannot_block_or_is_refused_does_not_block() {
        for line in [
            "GET 5",
            "LPOP a 5",
            "CLIENT PAUSE 5",
            "XREAD STREAMS BLOCK 500",
            "XREAD BLOCK",
            "XREAD",
            "BLPOP",
            "BLPOP a x",
            "BLPOP a -1",
            "BLPOP a nan",
            "BLPOP a inf",
            "BLPOP a 1e300",
            "BLMPOP",
            "WAIT 1 1.5",
            "WAIT 1 -5",
            "WAIT 1 99999999999999999999",
        ] {
            assert_eq!(block_time(line), BlockTime::NotBlocking, "{line}");
        }
    }

    #[test]
    fn every_blocking_command_has_a_rule() {
        // A numeric argument in every place where a rule may look for one.
        let args: [&[u8]; 5] = [b"", b"1", b"BLOCK", b"1", b"1"];
        for info in all().filter(|info| info.is_blocking()) {
            let time = info.block_time(args.len(), args.into_iter());
            assert_ne!(time, BlockTime::NotBlocking, "{info:?}");
        }
    }
}
