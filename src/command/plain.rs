//! Plain commands, which nearly all are: what each layer asks of a command is known of these beforehand.
//!
//! A layer asks what it has to know, such as [`Command::block_time`] or [`Command::slot_for_routing`], and for a plain
//! command the answer takes a few instructions, in line. What it says of other commands is out of line.

use super::{Command, CommandInfo, Keys, RequestPolicy, Slot};

/// The count of a command's arguments, of one digit, as it is written: `*N\r\n`.
pub(crate) type ShortHeader = [u8; 4];

impl CommandInfo {
    /// True if the command has one key, always at the same place, is for the node that serves it, and never waits
    /// there. It does not change its connection either: commands that do have no key, or several.
    pub(super) const fn has_plain_rules(&self) -> bool {
        self.single_key().is_some()
            && matches!(self.request_policy(), RequestPolicy::Default)
            && !self.is_blocking()
            && self.subcommands().is_empty()
    }
}

impl Command {
    /// True if the table calls the command [plain](CommandInfo::has_plain_rules), and nothing was asked for that few
    /// commands have: a target, a timeout of its own, or a batch to send in its place.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.extras().is_none() && self.info().is_some_and(CommandInfo::is_plain)
    }

    /// What comes before the arguments on the wire, if there are fewer than ten, as nearly always.
    #[inline]
    pub(crate) fn short_header(&self) -> Option<ShortHeader> {
        match u8::try_from(self.arg_count()) {
            Ok(count @ 0..=9) => Some([b'*', b'0' + count, b'\r', b'\n']),
            _ => None,
        }
    }

    /// How a plain command is written, in two parts, if it has few arguments and none is large.
    #[inline]
    pub(crate) fn plain_encoding(&self) -> Option<(ShortHeader, &[u8])> {
        let header = self.short_header()?;
        let is_alone = self.is_plain() && !self.is_asking();
        let args = self.contents.args.whole().filter(|_| is_alone)?;
        Some((header, args))
    }

    /// The slot of a plain command that has its key and as many arguments as it takes: there is nothing wrong with it.
    #[inline]
    pub(crate) fn plain_slot(&self) -> Option<Slot> {
        match (self.contents.keys, self.info()) {
            (Keys::One(slot), Some(info)) if self.is_plain() && info.takes(self.arg_count()) => {
                Some(slot)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{BlockTime, Reach, all, cmd};
    use crate::connection::changes_state;

    /// The command with this many arguments, the name included.
    fn of(info: &CommandInfo, count: usize) -> Command {
        let mut words = info.name().split(' ').map(str::to_owned);
        let mut command = cmd(words.next().expect("a name"));
        for word in words.chain(std::iter::repeat("1".to_owned())) {
            if command.arg_count() >= count {
                break;
            }
            command = command.arg(word);
        }
        command
    }

    #[test]
    fn of_all_commands_of_the_table_the_short_answers_are_the_long_ones() {
        let mut plain = 0;
        for info in all() {
            let least = usize::from(info.arity().unsigned_abs());
            for count in 1..least + 3 {
                let command = of(info, count);
                if command.is_plain() {
                    assert_eq!(command.block_time_by_rules(), BlockTime::NotBlocking);
                    assert_eq!(command.reach(), Reach::One, "{info:?}");
                    assert!(!changes_state(&command), "{info:?}");
                }
                if let Some(slot) = command.plain_slot() {
                    plain += 1;
                    assert!(command.check_by_rules().is_ok(), "{info:?} of {count}");
                    let by_rules = command.slot_for_routing_by_rules();
                    assert_eq!(by_rules.expect("a slot"), Some(slot), "{info:?} of {count}");
                }
            }
        }
        assert!(plain > 200, "only {plain} are plain");
    }

    #[test]
    fn the_bit_in_the_table_is_what_its_rules_say() {
        for info in all() {
            assert_eq!(info.is_plain(), info.has_plain_rules(), "{info:?}");
        }
        let is_plain = |name| cmd(name).is_plain();
        assert!(
            ["GET", "SET", "HSET", "ZADD", "EXPIRE"]
                .into_iter()
                .all(is_plain)
        );
        let not = [
            "MGET", "DEL", "BLPOP", "PING", "EVAL", "OBJECT", "WATCH", "NEW",
        ];
        assert!(!not.into_iter().any(is_plain));
    }

    #[test]
    fn whatever_was_asked_for_of_a_command_it_is_not_plain() {
        let get = || cmd("GET").arg("k");
        assert_eq!(get().plain_slot(), Some(Slot::of("k")));
        assert!(!get().timeout(std::time::Duration::from_secs(1)).is_plain());
        assert!(!get().target(crate::command::Target::AllNodes).is_plain());
        assert!(!get().unchecked().is_plain());
        assert!(!Command::pipeline([get()]).is_plain());
        assert_eq!(get().arg("more").plain_slot(), None);
        assert_eq!(cmd("GET").plain_slot(), None);
    }
}
