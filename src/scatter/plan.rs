//! What a request is sent as, and how the replies become its own.

use super::gather::{gather, gather_by_key};
use super::members::Members;
use super::report::{PartialFailure, Portion};
use super::split::{Keys, Split};
use crate::addr::NodeAddr;
use crate::command::{Command, CommandInfo, Gather, Nodes, Reach, Target};
use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// Where a command goes, as far as it can be told without the topology.
#[derive(Debug)]
pub(super) enum Spread {
    /// To one node, as it is.
    Whole,
    /// To the nodes of its slots, in parts.
    Slots(Split, Gather),
    /// To each of these nodes, as it is.
    Nodes(Nodes, Gather),
}

impl Spread {
    /// Where each command of the request goes; `None` if the request goes on as it is.
    ///
    /// # Errors
    ///
    /// If one of them cannot be sent as it is. Then none is to be sent.
    pub(super) fn of_request(request: &Command) -> Result<Option<Vec<Self>>, Error> {
        let commands = commands(request);
        if let [command] = commands {
            let spread = Self::of(command)?;
            return Ok((!matches!(spread, Self::Whole)).then(|| vec![spread]));
        }
        let first = commands.iter().map(Self::of).enumerate();
        let mut first = first.skip_while(|(_, spread)| matches!(spread, Ok(Self::Whole)));
        let Some((before, spread)) = first.next() else {
            return Ok(None);
        };
        let whole = std::iter::repeat_with(|| Ok(Self::Whole)).take(before);
        let rest = first.map(|(_, spread)| spread);
        let spreads: Result<_, _> = whole.chain([spread]).chain(rest).collect();
        spreads.map(Some)
    }

    fn of(command: &Command) -> Result<Self, Error> {
        match command.explicit_target() {
            Some(Target::AllPrimaries) => return Self::each(command, Nodes::Primaries),
            Some(Target::AllNodes) => return Self::each(command, Nodes::All),
            Some(_) => return Ok(Self::Whole),
            None => {}
        }
        match command.reach() {
            Reach::One => Ok(Self::Whole),
            Reach::Keys(gather) => Ok(match Split::of(command)? {
                Some(split) => Self::Slots(split, gather),
                None => Self::Whole,
            }),
            Reach::Each(nodes, gather) => Ok(Self::Nodes(nodes, gather)),
            Reach::Unclear(why) => Err(command.invalid(why)),
        }
    }

    /// For a command that the application sends to all of these nodes.
    fn each(command: &Command, nodes: Nodes) -> Result<Self, Error> {
        if command.batch().is_some() {
            return Err(command.invalid(
                "a pipeline or transaction as a whole cannot go to several nodes; say so of its commands",
            ));
        }
        let Some(info) = command.info() else {
            return Ok(Self::Nodes(nodes, Gather::Concat));
        };
        check_replicas_take(command, nodes)?;
        let gather = info.gather_of_each();
        gather.map_or_else(
            |why| Err(command.invalid(why)),
            |gather| Ok(Self::Nodes(nodes, gather)),
        )
    }

    pub(super) fn needs_nodes(&self) -> bool {
        matches!(self, Self::Nodes(..))
    }
}

/// How the replies to the parts of a request become its own.
#[derive(Debug)]
pub(super) struct Plan {
    request: Command,
    items: Vec<Item>,
}

/// A command of the request.
#[derive(Debug)]
struct Item {
    command: Command,
    /// How many parts it is sent as. They come one after the other.
    parts: usize,
    shares: Shares,
}

/// What the parts of a command are.
#[derive(Debug)]
enum Shares {
    Whole,
    Slots(Keys, Gather),
    Nodes(Vec<NodeAddr>, Gather),
}

impl Plan {
    /// Plans the request, given where each of its commands goes: that itself, or those of a pipeline. Gives what is to
    /// be sent, too.
    ///
    /// # Errors
    ///
    /// If there are no nodes to send a command to, or not all of those there should be.
    pub(super) fn new(
        request: Command,
        spreads: Vec<Spread>,
        members: Option<&Members>,
    ) -> Result<(Self, Command), Error> {
        let mut parts = Vec::new();
        let mut items = Vec::with_capacity(spreads.len());
        for (command, spread) in commands(&request).iter().zip(spreads) {
            let before = parts.len();
            let shares = match spread {
                Spread::Whole => {
                    parts.push(command.clone());
                    Shares::Whole
                }
                Spread::Slots(split, gather) => {
                    parts.extend(split.parts);
                    Shares::Slots(split.keys, gather)
                }
                Spread::Nodes(nodes, gather) => {
                    let addrs = addrs(nodes, members)
                        .map_err(|error| error.with_command(command.name()))?;
                    let at = |addr: &NodeAddr| command.clone().target(Target::Node(addr.clone()));
                    parts.extend(addrs.iter().map(at));
                    Shares::Nodes(addrs.to_vec(), gather)
                }
            };
            items.push(Item {
                command: command.clone(),
                parts: parts.len() - before,
                shares,
            });
        }
        let sent = request.clone().sent_as(parts);
        Ok((Self { request, items }, sent))
    }

    /// What the request comes to, given what each of its parts came to.
    pub(super) fn conclude(self, results: Vec<Result<Value, Error>>) -> Result<Value, Error> {
        let mut results = results.into_iter();
        let mut own = self.items.iter().map(|item| {
            let parts = results.by_ref().take(item.parts).collect();
            item.conclude(parts)
        });
        let Some(batch) = self.request.batch() else {
            return own
                .next()
                .expect("a request that is no pipeline is one command");
        };
        batch.conclude(own.collect())
    }
}

/// An error if the nodes include replicas, and the command is one that they refuse.
pub(crate) fn check_replicas_take(command: &Command, nodes: Nodes) -> Result<(), Error> {
    if nodes == Nodes::All && command.info().is_some_and(CommandInfo::is_write) {
        let message = "replicas refuse to change data; send it to `Target::AllPrimaries`";
        return Err(command.invalid(message));
    }
    Ok(())
}

/// The commands that are looked at by themselves: the request's own if it is a pipeline, and otherwise itself.
fn commands(request: &Command) -> &[Command] {
    match request.batch() {
        Some(batch) if !batch.is_transaction() && request.explicit_target().is_none() => {
            batch.commands()
        }
        _ => std::slice::from_ref(request),
    }
}

fn addrs(nodes: Nodes, members: Option<&Members>) -> Result<&[NodeAddr], Error> {
    let members = members.expect("asked for whenever a command needs them");
    members.check()?;
    Ok(members.of_kind(nodes))
}

impl Item {
    fn conclude(&self, mut results: Vec<Result<Value, Error>>) -> Result<Value, Error> {
        let (Shares::Slots(_, rule) | Shares::Nodes(_, rule)) = &self.shares else {
            return results.pop().unwrap_or_else(|| Err(self.incomplete()));
        };
        let results: Vec<_> = results.into_iter().map(as_result).collect();
        if results.iter().all(Result::is_ok) {
            let replies = results.into_iter().flatten().collect();
            let reply = match (&self.shares, rule) {
                (Shares::Slots(keys, _), Gather::ByKey) => gather_by_key(keys, replies),
                _ => gather(*rule, replies),
            };
            return reply.map_err(|error| error.with_command(self.command.name()));
        }
        match results.iter().find(|result| result.is_ok()) {
            Some(Ok(reply)) if *rule == Gather::Any => Ok(reply.clone()),
            _ => Err(self.failure(results)),
        }
    }

    /// The error when a part failed: the first cause, with what became of each part.
    fn failure(&self, results: Vec<Result<Value, Error>>) -> Error {
        let errors = || results.iter().filter_map(|result| result.as_ref().err());
        // That a node runs no script is why there is nothing to be killed there, not why the script could not be.
        let cause = errors().find(|error| !is_idle(error)).or(errors().next());
        let Some(cause) = cause.cloned() else {
            return self.incomplete();
        };
        let results = results.into_iter().map(|result| result.map(drop));
        let entries = match &self.shares {
            Shares::Whole => Vec::new(),
            Shares::Nodes(addrs, _) => {
                let nodes = addrs.iter().cloned().map(Portion::Node);
                nodes.zip(results).collect()
            }
            Shares::Slots(keys, _) => {
                let results: Vec<_> = results.collect();
                let names = keys.names(&self.command).zip(&keys.part_of);
                let entry = |(key, part): (&[u8], &usize)| {
                    (Portion::Key(key.to_vec().into()), results[*part].clone())
                };
                names.map(entry).collect()
            }
        };
        let partial = PartialFailure::new(entries);
        cause
            .with_delivery(partial.delivery())
            .with_command(self.command.name())
            .with_partial(partial)
    }

    fn incomplete(&self) -> Error {
        Error::not_sent(
            ErrorKind::Protocol,
            "a part of the command was not answered",
        )
        .with_delivery(crate::error::Delivery::Unknown)
        .with_command(self.command.name())
    }
}

fn as_result(result: Result<Value, Error>) -> Result<Value, Error> {
    match result? {
        Value::Error(error) => Err(Error::server(error)),
        reply => Ok(reply),
    }
}

fn is_idle(error: &Error) -> bool {
    let reply = error.server_error();
    reply.is_some_and(|reply| reply.code() == "NOTBUSY")
}

#[cfg(test)]
#[path = "tests/plan.rs"]
mod tests;
