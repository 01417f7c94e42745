//! How long a command may wait on the server.

use std::time::Duration;

use tokio::time::Instant;

use super::Command;
use super::keys::parse;
use super::table::CommandInfo;

/// How long before the deadline the server is to stop waiting at the latest. A server with nothing else to do looks only
/// every 100 ms (`hz`) whether somebody has waited long enough, and its answer, that nothing came, has to travel back.
const MARGIN: Duration = Duration::from_millis(150);

/// For how long a command lets the server wait before it answers.
///
/// Made by [`CommandInfo::block_time`]. A deadline for the reply must come after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        args: impl Iterator<Item = &'a [u8]>,
    ) -> BlockTime {
        if !self.is_blocking() {
            return BlockTime::NotBlocking;
        }
        match self
            .block_argument(arg_count, args)
            .and_then(|it| it.time())
        {
            None => BlockTime::NotBlocking,
            Some(Duration::ZERO) => BlockTime::Forever,
            Some(time) => BlockTime::For(time),
        }
    }

    /// The argument that says how long the server may wait.
    fn block_argument<'a>(
        &self,
        arg_count: usize,
        mut args: impl Iterator<Item = &'a [u8]>,
    ) -> Option<BlockArgument<'a>> {
        let (position, unit) = match self.name() {
            "BLPOP" | "BRPOP" | "BLMOVE" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX" => {
                (arg_count.checked_sub(1)?, Unit::Seconds)
            }
            "BLMPOP" | "BZMPOP" => (1, Unit::Seconds),
            "WAIT" | "WAITAOF" => (arg_count.checked_sub(1)?, Unit::Milliseconds),
            "XREAD" | "XREADGROUP" => {
                let (position, value) = block_option(args)?;
                return Some(BlockArgument {
                    position,
                    unit: Unit::Milliseconds,
                    value,
                });
            }
            // A test holds that there are no others.
            _ => return None,
        };
        Some(BlockArgument {
            position,
            unit,
            value: args.nth(position)?,
        })
    }
}

impl Command {
    /// This command, with a block time that ends before its deadline, so that the server's answer comes in time: by
    /// 150 ms, or half of what is left if that is less.
    pub(crate) fn blocking_within_deadline(self) -> Self {
        let Some(deadline) = self.deadline() else {
            return self;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let most = left - MARGIN.min(left / 2);
        match self.block_time() {
            BlockTime::NotBlocking => self,
            BlockTime::For(time) if time <= most => self,
            BlockTime::For(_) | BlockTime::Forever => self.with_block_time(most),
        }
    }

    /// This command with another block time, in whole milliseconds and at least one: 0 would be forever. One that does
    /// not block stays as it is.
    fn with_block_time(mut self, time: Duration) -> Self {
        let argument = self
            .info()
            .and_then(|info| info.block_argument(self.arg_count(), self.args()));
        if let Some(BlockArgument { position, unit, .. }) = argument {
            let millis = time.as_millis().max(1);
            let value = match unit {
                Unit::Seconds => format!("{}.{:03}", millis / 1000, millis % 1000),
                Unit::Milliseconds => millis.to_string(),
            };
            let contents = self.contents_mut();
            contents.args = contents.args.with_replaced(position, value.as_bytes());
        }
        self
    }
}

/// The argument that says how long the server may wait.
struct BlockArgument<'a> {
    position: usize,
    unit: Unit,
    value: &'a [u8],
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl BlockArgument<'_> {
    fn time(&self) -> Option<Duration> {
        match self.unit {
            Unit::Seconds => seconds(self.value),
            Unit::Milliseconds => milliseconds(self.value),
        }
    }
}

/// The value of `BLOCK` among the options of `XREAD` and `XREADGROUP`, which end at `STREAMS`, and its position.
fn block_option<'a>(args: impl Iterator<Item = &'a [u8]>) -> Option<(usize, &'a [u8])> {
    let mut args = args.enumerate().skip(1);
    loop {
        let (_, option) = args.next()?;
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

    fn command(line: &str) -> Command {
        let mut words = line.split(' ');
        let name = words.next().expect("a name");
        words.fold(crate::cmd(name), |command, word| command.arg(word))
    }

    fn line(command: &Command) -> String {
        let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        args.join(" ")
    }

    #[test]
    fn another_block_time_takes_the_place_of_the_first_in_its_unit() {
        for (before, after) in [
            ("BLPOP a b 0", "BLPOP a b 1.950"),
            ("BLMOVE a b LEFT RIGHT 3", "BLMOVE a b LEFT RIGHT 1.950"),
            ("BZMPOP 0 1 a MIN COUNT 9", "BZMPOP 1.950 1 a MIN COUNT 9"),
            ("WAIT 1 0", "WAIT 1 1950"),
            (
                "XREADGROUP GROUP BLOCK 8 COUNT 1 BLOCK 0 STREAMS a >",
                "XREADGROUP GROUP BLOCK 8 COUNT 1 BLOCK 1950 STREAMS a >",
            ),
            ("XREAD STREAMS a 0", "XREAD STREAMS a 0"),
        ] {
            let time = Duration::from_millis(1950);
            assert_eq!(line(&command(before).with_block_time(time)), after);
        }
        let shortest = command("BLPOP a 5").with_block_time(Duration::ZERO);
        assert_eq!(line(&shortest), "BLPOP a 0.001", "0 would be forever");
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_stops_waiting_before_the_caller_does() {
        let sent = |before: &str, left: u64| {
            let mut command = command(before);
            command.set_deadline(Instant::now() + Duration::from_millis(left));
            line(&command.blocking_within_deadline())
        };
        assert_eq!(sent("BLPOP a 0", 2000), "BLPOP a 1.850");
        assert_eq!(sent("BLPOP a 0", 100), "BLPOP a 0.050");
        assert_eq!(sent("BLPOP a 5", 6000), "BLPOP a 5");
        assert_eq!(sent("BLPOP a 5", 5000), "BLPOP a 4.850");
        assert_eq!(sent("BLPOP a 0", 0), "BLPOP a 0.001");
        assert_eq!(sent("GET 0", 2000), "GET 0");
        let forever = command("BLPOP a 0").blocking_within_deadline();
        assert_eq!(line(&forever), "BLPOP a 0", "nobody said how long");
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
