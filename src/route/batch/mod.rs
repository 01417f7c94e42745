//! A pipeline: its commands grouped by node, sent side by side, and redirected one by one.
//!
//! All commands are located in one snapshot of the topology, and those of one node travel as one unit. So the commands
//! of one slot are in one unit, in their order, and a redirect finds them together again: where the redirects of one
//! slot disagree, which takes two changes of its owner in one round trip, all of them go where the last one points.

mod groups;
mod job;
mod part;
mod replied;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};

use self::groups::{Group, Groups, Member, Snapshot};
use self::job::{Done, Exchanged, Job};
use self::part::{Destination, Part};
use super::make::MakeNode;
use super::replies::{DEADLINE_PASSED, unserved};
use super::shared::{Handle, Refreshed};
use crate::addr::NodeAddr;
use crate::command::{Batch, Command, Round};
use crate::connection;
use crate::error::Error;
use crate::value::Value;

/// One attempt at a pipeline.
///
/// What became of each command is written into the [`Batch`] when the attempt is over, unless all have replies. Dropped
/// before, it writes what is known by then.
pub(super) struct BatchRun<C: MakeNode> {
    handle: Arc<Handle<C>>,
    command: Command,
    batch: Arc<Batch>,
    round: Round,
    /// One for each command. Taken when the attempt is over.
    parts: Vec<Part>,
    /// Each part that is not settled is in one of them.
    jobs: FuturesUnordered<Job<C>>,
}

impl<C: MakeNode> BatchRun<C> {
    /// Sets out. `batch` is the one of `command`.
    pub(super) fn new(handle: Arc<Handle<C>>, command: Command, batch: Arc<Batch>) -> Self {
        let (outcomes, round) = batch.begin();
        let parts = outcomes.into_iter().map(Part::new).collect();
        let mut this = Self {
            handle,
            command,
            batch,
            round,
            parts,
            jobs: FuturesUnordered::new(),
        };
        this.set_out();
        this
    }

    /// The replies in order; or if a part failed, its error, and the outcomes are recorded.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Value, Error>> {
        while let Poll::Ready(done) = self.jobs.poll_next_unpin(cx) {
            match done {
                Some(done) => self.proceed(done),
                None => return Poll::Ready(self.finish()),
            }
        }
        Poll::Pending
    }

    /// The outcome now that the deadline has passed.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) -> Result<Value, Error> {
        // As the timeout layer does with us: whatever waits below is polled once more, for it knows better how far
        // its commands got. The set itself polls only those that were woken.
        let mut done = Vec::new();
        for job in Pin::new(&mut self.jobs).iter_pin_mut() {
            if let Poll::Ready(end) = job.poll(cx) {
                done.push(end);
            }
        }
        while !(done.is_empty() && self.jobs.is_empty()) {
            // What they ask to be sent elsewhere makes new jobs, which have not begun and end in the next round.
            let mut jobs = std::mem::take(&mut self.jobs);
            let ended = Pin::new(&mut jobs).iter_pin_mut();
            done.extend(ended.filter_map(|job| job.end(DEADLINE_PASSED)));
            for end in done.drain(..) {
                self.proceed(end);
            }
        }
        self.finish()
    }

    fn set_out(&mut self) {
        let snapshot = Snapshot::new(self.handle.shared().current().load_full());
        let mut groups = Groups::default();
        let mut unlocated = Vec::new();
        for (part, command) in self.batch.commands().iter().enumerate() {
            let state = &mut self.parts[part];
            if state.is_settled() {
                continue;
            }
            match state.destination(command, &self.command) {
                Ok(Destination::Node(addr)) => groups.add(&addr, Member::pinned(part)),
                Ok(Destination::Primary(slot)) => match snapshot.primary(slot) {
                    Some(addr) => groups.add(addr, Member::of_slot(part, slot)),
                    None => unlocated.push(part),
                },
                Err(error) => state.fail(error, command, None),
            }
        }
        self.send(groups);
        if unlocated.is_empty() {
            return;
        }
        if let Err(error) = self.handle.shared().config().seeds() {
            return self.fail_all(unlocated, &error);
        }
        let (refreshed, during) = self.handle.missing();
        self.wait(unlocated, refreshed, during);
    }

    /// Sends each group to its node, as one unit.
    fn send(&mut self, groups: Groups) {
        for Group { addr, mut members } in groups {
            if members.len() > 1 {
                members.retain(|member| self.admit(member.part, &addr));
            }
            let command = |member: &Member| {
                let mut command = self.batch.commands()[member.part].clone();
                command.set_asking(member.is_asking);
                command
            };
            let unit = match &members[..] {
                [] => continue,
                [alone] => command(alone),
                members => Command::pipeline(members.iter().map(command)),
            };
            self.jobs.push(Job::exchange(
                Arc::clone(&self.handle),
                addr,
                unit.on_behalf_of(&self.command),
                members,
            ));
        }
    }

    /// True if the part may be one of several in a unit. If not it fails, by itself: the connection would refuse them all.
    fn admit(&mut self, part: usize, addr: &NodeAddr) -> bool {
        let command = &self.batch.commands()[part];
        let refused = connection::check_part(command, &self.batch, self.command.is_exclusive());
        let is_admitted = refused.is_none();
        if let Some(error) = refused {
            self.fail(part, error, addr);
        }
        is_admitted
    }

    fn wait(&mut self, parts: Vec<usize>, refreshed: Refreshed, during: Cow<'static, str>) {
        self.jobs.push(Job::Refresh {
            refreshed,
            during,
            parts,
        });
    }

    /// Takes the next step of those parts whose wait is over.
    fn proceed(&mut self, done: Done) {
        match done {
            Done::Exchanged(exchanged) => self.answered(exchanged),
            Done::Moved { addr, members } => self.moved(&addr, members),
            Done::Refreshed { parts, outcome } => self.located(parts, outcome),
            Done::Waited { parts, error } => self.fail_all(parts, &error),
        }
    }

    /// Sends parts that did not get to this node to where the map has them now. Those of one slot stay together and in
    /// their order.
    fn moved(&mut self, from: &NodeAddr, members: Vec<Member>) {
        let snapshot = Snapshot::new(self.handle.shared().current().load_full());
        let mut groups = Groups::default();
        for member in members {
            let primary = member.slot.and_then(|slot| snapshot.primary(Some(slot)));
            groups.add(primary.unwrap_or(from), member);
        }
        self.send(groups);
    }

    fn located(&mut self, parts: Vec<usize>, outcome: Result<(), Error>) {
        let snapshot = Snapshot::new(self.handle.shared().current().load_full());
        let mut groups = Groups::default();
        let mut unlocated = Vec::new();
        for part in parts {
            let slot = self.parts[part].slot;
            match snapshot.primary(slot) {
                Some(addr) => groups.add(addr, Member::of_slot(part, slot)),
                None => unlocated.push(part),
            }
        }
        self.send(groups);
        self.fail_all(unlocated, &unserved(outcome));
    }

    fn fail(&mut self, part: usize, error: Error, addr: &NodeAddr) {
        self.parts[part].fail(error, &self.batch.commands()[part], Some(addr));
    }

    fn fail_all(&mut self, parts: Vec<usize>, error: &Error) {
        for part in parts {
            let command = &self.batch.commands()[part];
            self.parts[part].fail(error.clone(), command, None);
        }
    }

    fn finish(&mut self) -> Result<Value, Error> {
        let parts = std::mem::take(&mut self.parts);
        let results = parts.into_iter().map(Part::into_result).collect();
        self.batch.conclude_attempt(self.round, results)
    }
}

impl<C: MakeNode> Drop for BatchRun<C> {
    fn drop(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let jobs = Pin::new(&mut self.jobs).iter_pin_mut();
        let ended: Vec<_> = jobs
            .filter_map(|job| job.end("the request was given up"))
            .collect();
        for end in ended {
            match end {
                Done::Exchanged(Exchanged { addr, results, .. }) => {
                    for (part, result) in results {
                        match result {
                            Ok(reply) => self.parts[part].settle(reply),
                            Err(error) => self.fail(part, error, &addr),
                        }
                    }
                }
                Done::Waited { parts, error } => self.fail_all(parts, &error),
                Done::Moved { .. } | Done::Refreshed { .. } => {
                    unreachable!("what is ended has no other outcome")
                }
            }
        }
        let parts = std::mem::take(&mut self.parts);
        let outcomes = parts.into_iter().map(Part::into_outcome);
        self.batch.record_attempt(self.round, outcomes.collect());
    }
}
