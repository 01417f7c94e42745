//! What a node says of itself and of the others: `CLUSTER NODES` and `INFO`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::slots::SlotSet;
use crate::addr::NodeAddr;
use crate::command::Slot;
use crate::error::{Error, ErrorKind};

/// A node's identity within the cluster.
pub(super) type NodeId = Arc<str>;

/// Longer than any id or run id of a server: what is longer is not one.
pub(super) const MAX_ID_LEN: usize = 64;

/// A node, as its own line of `CLUSTER NODES` describes it at one instant.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) id: NodeId,
    /// Raised whenever the node takes over slots.
    pub(super) epoch: u64,
    /// The slots it serves as a primary.
    pub(super) slots: SlotSet,
    /// Of those, the ones whose keys are on their way to another node.
    pub(super) leaving: BTreeMap<Slot, NodeId>,
    /// Slots of other nodes whose keys are on their way to this one.
    pub(super) arriving: BTreeMap<Slot, NodeId>,
}

/// Which primary serves which slot and where it is, as far as the node knows that was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) primaries: Vec<Primary>,
}

#[derive(Clone, Debug)]
pub(super) struct Primary {
    pub(super) id: NodeId,
    /// As announced; `None` for one that does not know its own address.
    pub(super) addr: Option<NodeAddr>,
    pub(super) slots: SlotSet,
}

/// One line of `CLUSTER NODES`: `id ip:port@bus[,host...] flags primary ping pong epoch link slot...`.
struct Line<'a> {
    id: &'a str,
    addr: &'a str,
    flags: &'a str,
    epoch: &'a str,
    slots: std::str::SplitAsciiWhitespace<'a>,
}

// ===== impl Own =====

impl Own {
    pub(super) fn read(nodes: &str) -> Result<Self, Error> {
        let own = lines(nodes).find(|line| line.has_flag("myself"));
        let line = own.ok_or_else(|| malformed("no node calls itself \"myself\""))?;
        let mut this = Self {
            id: line.id()?,
            epoch: line.epoch.parse().map_err(|_| malformed("no epoch"))?,
            slots: SlotSet::new(),
            leaving: BTreeMap::new(),
            arriving: BTreeMap::new(),
        };
        for part in line.slots {
            let Some(moving) = part.strip_prefix('[') else {
                this.slots.extend(range(part)?);
                continue;
            };
            let moving = moving.trim_end_matches(']');
            let (slots, slot, id) = if let Some((slot, id)) = moving.split_once("->-") {
                (&mut this.leaving, slot, id)
            } else if let Some((slot, id)) = moving.split_once("-<-") {
                (&mut this.arriving, slot, id)
            } else {
                return Err(malformed(part));
            };
            slots.insert(number(slot)?, read_id(id)?);
        }
        Ok(this)
    }

    /// Checks that this is the node that was meant: an address can come to be another's.
    pub(super) fn check_id(&self, id: &NodeId) -> Result<(), Error> {
        if self.id == *id {
            return Ok(());
        }
        Err(Error::not_sent(
            ErrorKind::Topology,
            "another node is at this address now",
        ))
    }

    /// The slots it serves that neither come nor go: all their keys are here, and no other node's are.
    pub(super) fn quiet(&self) -> SlotSet {
        let mut quiet = self.slots.clone();
        for slot in self.leaving.keys().chain(self.arriving.keys()) {
            quiet.remove(*slot);
        }
        quiet
    }

    pub(super) fn is_quiet(&self, slot: Slot) -> bool {
        self.slots.contains(slot)
            && !self.leaving.contains_key(&slot)
            && !self.arriving.contains_key(&slot)
    }
}

// ===== impl Layout =====

impl Layout {
    pub(super) fn read(nodes: &str) -> Result<Self, Error> {
        let mut primaries = Vec::new();
        for line in lines(nodes) {
            let slots = line.slots.clone().filter(|part| !part.starts_with('['));
            let mut served = SlotSet::new();
            for part in slots {
                served.extend(range(part)?);
            }
            if line.has_flag("master") {
                primaries.push(Primary {
                    id: line.id()?,
                    addr: line.addr(),
                    slots: served,
                });
            }
        }
        Ok(Self { primaries })
    }

    pub(super) fn addr(&self, id: &str) -> Option<&NodeAddr> {
        let primary = self.primaries.iter().find(|primary| &*primary.id == id);
        primary?.addr.as_ref()
    }
}

// ===== impl Line =====

impl Line<'_> {
    fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(',').any(|each| each == flag)
    }

    fn id(&self) -> Result<NodeId, Error> {
        read_id(self.id)
    }

    /// Where clients reach it, without the port of the cluster's own bus.
    fn addr(&self) -> Option<NodeAddr> {
        let end = self.addr.find(['@', ',']).unwrap_or(self.addr.len());
        self.addr[..end].parse().ok()
    }
}

fn lines(nodes: &str) -> impl Iterator<Item = Line<'_>> {
    nodes.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (id, addr, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let epoch = fields.nth(3)?;
        fields.next()?;
        Some(Line {
            id,
            addr,
            flags,
            epoch,
            slots: fields,
        })
    })
}

/// The value of `name:value` in what `INFO` or `CLUSTER INFO` answers.
pub(super) fn fact<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

/// How many keys other nodes have handed to this one since it started: what `INFO commandstats` counts.
pub(super) fn arrivals(stats: &str) -> u64 {
    let calls = fact(stats, "cmdstat_restore-asking").and_then(|fact| {
        let calls = fact.strip_prefix("calls=")?.split(',').next()?;
        calls.parse().ok()
    });
    // A command that was never called is not listed.
    calls.unwrap_or(0)
}

pub(super) fn read_id(id: &str) -> Result<NodeId, Error> {
    let is_id = !id.is_empty()
        && id.len() <= MAX_ID_LEN
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then(|| id.into()).ok_or_else(|| malformed("no id"))
}

fn range(part: &str) -> Result<impl Iterator<Item = Slot> + use<>, Error> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (number(first)?, number(last)?);
    Ok((first.number()..=last.number()).filter_map(Slot::new))
}

fn number(slot: &str) -> Result<Slot, Error> {
    let number = slot.parse().ok().and_then(Slot::new);
    number.ok_or_else(|| malformed("a slot that is none"))
}

fn malformed(what: &str) -> Error {
    let what: String = what.chars().take(64).collect();
    Error::not_sent(
        ErrorKind::Protocol,
        format!("malformed answer to CLUSTER NODES: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
aa 10.0.0.1:7000@17000,host1 myself,master - 0 0 7 connected 0-99 200 [93->-bb] [300-<-bb]
bb 10.0.0.2:7000@17000 master - 0 0 8 connected 100-199 300
cc :0@0 master,noaddr - 0 0 0 disconnected
dd 10.0.0.4:7000@17000 slave aa 0 0 7 connected
";

    fn slot(number: u16) -> Slot {
        Slot::new(number).expect("a slot")
    }

    #[test]
    fn own_line_tells_what_comes_and_goes() {
        let own = Own::read(NODES).expect("well formed");
        assert_eq!((&*own.id, own.epoch, own.slots.len()), ("aa", 7, 101));
        assert_eq!(own.leaving.get(&slot(93)).map(|id| &**id), Some("bb"));
        assert_eq!(own.arriving.get(&slot(300)).map(|id| &**id), Some("bb"));
        assert!(own.is_quiet(slot(200)) && !own.is_quiet(slot(93)) && !own.is_quiet(slot(300)));
        assert_eq!(own.quiet().len(), 100);
    }

    #[test]
    fn layout_has_the_primaries_and_their_addresses() {
        let layout = Layout::read(NODES).expect("well formed");
        assert_eq!(layout.primaries.len(), 3);
        assert_eq!(layout.primaries[1].slots.len(), 101);
        assert_eq!(layout.addr("bb"), Some(&NodeAddr::new("10.0.0.2", 7000)));
        assert_eq!(layout.addr("cc"), None);
        assert_eq!(layout.addr("dd"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for nodes in [
            "",
            "aa 1:1@1 master - 0 0 7 connected",
            "aa 1:1@1 myself,master - 0 0 x connected",
            "aa 1:1@1 myself,master - 0 0 7 connected 16384",
            "aa 1:1@1 myself,master - 0 0 7 connected 5-x",
            "aa 1:1@1 myself,master - 0 0 7 connected [5->-]",
            "aa 1:1@1 myself,master - 0 0 7 connected [5>b]",
        ] {
            Own::read(nodes).expect_err(nodes);
        }
    }

    #[test]
    fn counts_the_keys_that_came() {
        let stats = "# Commandstats\r\ncmdstat_get:calls=1,usec=2\r\ncmdstat_restore-asking:calls=17,usec=1\r\n";
        assert_eq!(arrivals(stats), 17);
        assert_eq!(arrivals("# Commandstats\r\n"), 0);
    }
}
