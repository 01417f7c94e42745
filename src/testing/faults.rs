//! What is made to go wrong at a node.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::stall::Stall;
use crate::value::{ServerError, Value};

/// The faults of one node.
#[derive(Debug)]
pub(super) struct Faults {
    /// True while the node reads and answers nothing.
    pub(super) stall: Arc<Stall>,
    pub(super) refuses_connections: bool,
    /// What commands with keys are answered.
    pub(super) refusal: Option<ServerError>,
    /// What each reply waits for.
    pub(super) delay: Duration,
    /// Reply bytes left until a connection is closed.
    drop_after: Option<usize>,
    answers: Vec<Rule>,
}

/// What to answer in place of the command's own reply.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Value(Value),
    /// Bytes that need not be RESP.
    Raw(Bytes),
}

#[derive(Debug)]
struct Rule {
    /// The name in upper case, with or without a subcommand's.
    name: String,
    answer: Answer,
    times: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            stall: Arc::default(),
            refuses_connections: false,
            refusal: None,
            delay: Duration::ZERO,
            drop_after: None,
            answers: Vec::new(),
        }
    }
}

impl Faults {
    pub(super) fn heal(&mut self) {
        self.stall.set(false);
        self.refuses_connections = false;
        self.refusal = None;
        self.delay = Duration::ZERO;
        self.drop_after = None;
        self.answers.clear();
    }

    pub(super) fn drop_after(&mut self, bytes: usize) {
        self.drop_after = Some(bytes);
    }

    /// Asks to send a reply of `len` bytes: how many of them are to be sent before the connection is closed, if it
    /// is to be closed. The fault is over then.
    pub(super) fn cut(&mut self, len: usize) -> Option<usize> {
        let left = self.drop_after.as_mut()?;
        if len < *left {
            *left -= len;
            return None;
        }
        self.drop_after.take()
    }

    pub(super) fn answer(&mut self, name: &str, answer: Answer, times: usize) {
        if times > 0 {
            self.answers.push(Rule {
                name: name.to_ascii_uppercase(),
                answer,
                times,
            });
        }
    }

    /// The answer a rule has for this command, given its name with the subcommand's. Older rules go first.
    pub(super) fn take_answer(&mut self, name: &str) -> Option<Answer> {
        let index = self
            .answers
            .iter()
            .position(|rule| matches(&rule.name, name))?;
        let rule = &mut self.answers[index];
        rule.times -= 1;
        if rule.times > 0 {
            return Some(rule.answer.clone());
        }
        Some(self.answers.remove(index).answer)
    }
}

/// True if `wanted` is `name`, or the container command of it: `CLUSTER` of `CLUSTER SLOTS`.
pub(super) fn matches(wanted: &str, name: &str) -> bool {
    let rest = name
        .get(..wanted.len())
        .filter(|head| head.eq_ignore_ascii_case(wanted));
    rest.is_some() && matches!(name.as_bytes().get(wanted.len()), None | Some(b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_commands_name_stands_for_all_its_subcommands() {
        assert!(matches("CLUSTER", "CLUSTER SLOTS"));
        assert!(matches("cluster slots", "CLUSTER SLOTS"));
        assert!(!matches("CLUSTER SLOTS", "CLUSTER"));
        assert!(!matches("GET", "GETEX"));
    }

    #[test]
    fn the_reply_that_reaches_the_bound_is_cut_there() {
        let mut faults = Faults::default();
        faults.drop_after(12);
        assert_eq!(faults.cut(5), None);
        assert_eq!(faults.cut(5), None);
        assert_eq!(faults.cut(5), Some(2));
        assert_eq!(faults.cut(5), None);
        faults.drop_after(5);
        assert_eq!(faults.cut(5), Some(5));
        assert_eq!(faults.cut(5), None);
    }

    #[test]
    fn a_rule_answers_as_often_as_it_was_told() {
        let mut faults = Faults::default();
        faults.answer("get", Answer::Value(Value::Integer(1)), 2);
        faults.answer("GET", Answer::Value(Value::Integer(2)), 1);
        let answers: Vec<_> = (0..4).map(|_| faults.take_answer("GET")).collect();
        assert!(matches!(
            answers[..],
            [
                Some(Answer::Value(Value::Integer(1))),
                Some(Answer::Value(Value::Integer(1))),
                Some(Answer::Value(Value::Integer(2))),
                None
            ]
        ));
    }
}
