//! Where a scan stands, to be saved.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::fnv::fnv1a;
use super::pass::Pass;
use super::slots::SlotSet;
use super::view::read_id;
use crate::command::Slot;
use crate::error::{Error, ErrorKind};

/// What a saved cursor begins with: the version of what follows.
const VERSION: &str = "scan1-";

/// The longest text that is read: more than any cursor written here is long.
const MAX_LEN: usize = 1 << 20;

/// As many nodes as a cluster may have. A pass that is left out is begun again.
const MAX_PASSES: usize = 1024;

/// Where a scan stands: what is done, and how far in what is not. To be saved and
/// [resumed](super::Scan::resume), in this process or another.
///
/// Its text ([`Display`](fmt::Display), [`FromStr`]) is ASCII without spaces, made to be stored anywhere: some 100
/// bytes plus 200 for each node under way; less than 512 KiB in a cluster of 1024 primaries with slots as scattered as
/// they can be. It holds no keys. It begins with a version, and is refused by a version of this crate that does not know it.
/// It has a checksum, so that it is refused too where it was cut off or changed by mistake; against changes on
/// purpose it is not protected.
///
/// It stays valid whatever the cluster does meanwhile: what a node has lost track of (it was restarted, or
/// another took over) is scanned again. Keys created after the scan began may or may not be seen, however long it
/// rests.
///
/// It belongs to the cluster it came from. In another one, the slots that are done here would be left out without a
/// word: nodes can all be replaced while a cursor rests, so there is nothing to tell one cluster from another by.
#[derive(Clone, Debug)]
pub struct ScanCursor {
    pub(super) fingerprint: u64,
    pub(super) keys_seen: u64,
    pub(super) settled: SlotSet,
    pub(super) disputed: SlotSet,
    pub(super) passes: Vec<Pass>,
}

impl ScanCursor {
    /// How many of the 16384 slots are done.
    pub fn slots_done(&self) -> u16 {
        self.settled.len()
    }

    /// True if there is nothing left to scan.
    pub fn is_complete(&self) -> bool {
        self.settled.len() == Slot::COUNT
    }
}

impl fmt::Display for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = String::new();
        write_fields(&mut fields, self)?;
        f.write_str(&sealed(&fields))
    }
}

fn write_fields(text: &mut String, cursor: &ScanCursor) -> fmt::Result {
    write!(text, "{:x}.{:x}.", cursor.fingerprint, cursor.keys_seen)?;
    write_set(text, &cursor.settled)?;
    text.push('.');
    write_set(text, &cursor.disputed)?;
    for pass in cursor.passes.iter().take(MAX_PASSES) {
        write!(
            text,
            ".{}.{}.{:x}.{:x}.{:x}.{:x}.{:x}.",
            pass.node, pass.run, pass.epoch, pass.arrivals, pass.cursor, pass.calls, pass.size
        )?;
        write_set(text, &pass.slots)?;
    }
    Ok(())
}

/// The lengths of runs in hexadecimal, separated by commas.
fn write_set(text: &mut String, set: &SlotSet) -> fmt::Result {
    for (index, run) in set.runs().into_iter().enumerate() {
        let separator = if index > 0 { "," } else { "" };
        write!(text, "{separator}{run:x}")?;
    }
    Ok(())
}

/// What is saved: the version, the checksum of the fields, and the fields.
pub(super) fn sealed(fields: &str) -> String {
    format!("{VERSION}{:016x}.{fields}", fnv1a(fields.as_bytes()))
}

impl FromStr for ScanCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix(VERSION) else {
            return Err(malformed("it is of another version, or no cursor"));
        };
        if text.len() > MAX_LEN {
            return Err(malformed("it is too long"));
        }
        let fields = rest.split_once('.').map(|(_, fields)| fields);
        let intact = fields.filter(|fields| sealed(fields) == text);
        let cursor = intact.and_then(read);
        cursor.ok_or_else(|| malformed("it was cut off or changed"))
    }
}

fn read(text: &str) -> Option<ScanCursor> {
    let mut fields = text.split('.');
    let mut cursor = ScanCursor {
        fingerprint: read_number(fields.next()?)?,
        keys_seen: read_number(fields.next()?)?,
        settled: read_set(fields.next()?)?,
        disputed: read_set(fields.next()?)?,
        passes: Vec::new(),
    };
    while let Some(node) = fields.next() {
        if cursor.passes.len() == MAX_PASSES {
            return None;
        }
        cursor.passes.push(Pass {
            node: read_id(node).ok()?,
            run: read_id(fields.next()?).ok()?,
            epoch: read_number(fields.next()?)?,
            arrivals: read_number(fields.next()?)?,
            cursor: read_number(fields.next()?)?,
            mark: 0,
            calls: read_number(fields.next()?)?,
            size: read_number(fields.next()?)?,
            slots: read_set(fields.next()?)?,
        });
    }
    Some(cursor)
}

fn read_number(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

fn read_set(text: &str) -> Option<SlotSet> {
    if text.is_empty() {
        return Some(SlotSet::new());
    }
    let runs = text.split(',').map(|run| u16::from_str_radix(run, 16).ok());
    SlotSet::from_runs(runs.collect::<Option<Vec<_>>>()?)
}

fn malformed(what: &str) -> Error {
    Error::not_sent(
        ErrorKind::Config,
        format!("this scan cursor cannot be resumed: {what}"),
    )
}
