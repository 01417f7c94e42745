//! What became of each part of a command that failed at some nodes: [`PartialFailure`].

use std::fmt;

use bytes::Bytes;

use crate::addr::NodeAddr;
use crate::error::{Delivery, Error};
use crate::key_name::KeyName;

/// How many keys or nodes `Display` names of each kind.
const NAMED: usize = 3;

/// A part of what a command was to do: all that concerned this key, or this node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Portion {
    /// A key that the command was given.
    Key(Bytes),
    /// A node that the command was for.
    Node(NodeAddr),
}

/// What became of each part of a command that concerned several nodes, and failed at some of them; from
/// [`Error::partial`].
///
/// Every key that was given, or every node that was meant, is in one of the three lists, in the order given. A key that
/// was given twice is there twice. Of a command that only reads, "done" means that it was read, and "unknown" that it
/// was asked for.
///
/// `Display` counts them, and names a few.
#[derive(Clone)]
pub struct PartialFailure {
    entries: Vec<(Portion, Result<(), Error>)>,
}

impl PartialFailure {
    pub(super) fn new(entries: Vec<(Portion, Result<(), Error>)>) -> Self {
        Self { entries }
    }

    /// What is done.
    pub fn done(&self) -> impl Iterator<Item = &Portion> {
        let entries = self.entries.iter();
        entries.filter_map(|(portion, result)| result.is_ok().then_some(portion))
    }

    /// What is not done, with the reason: it was not sent, or refused.
    pub fn not_done(&self) -> impl Iterator<Item = (&Portion, &Error)> {
        self.failed()
            .filter(|(_, error)| error.delivery() != Delivery::Unknown)
    }

    /// What may be done or not, with the reason: it was sent, and no answer came, or one that does not tell.
    pub fn unknown(&self) -> impl Iterator<Item = (&Portion, &Error)> {
        self.failed()
            .filter(|(_, error)| error.delivery() == Delivery::Unknown)
    }

    fn failed(&self) -> impl Iterator<Item = (&Portion, &Error)> {
        let entries = self.entries.iter();
        entries.filter_map(|(portion, result)| Some((portion, result.as_ref().err()?)))
    }

    /// How far the command as a whole got. If a part of it is done, another time would do that part again.
    pub(super) fn delivery(&self) -> Delivery {
        let parts = self.entries.iter().map(|(_, result)| match result {
            Ok(()) => Delivery::Unknown,
            Err(error) => error.delivery(),
        });
        parts.fold(Delivery::NotSent, Delivery::at_most)
    }

    /// As it is displayed, but without names.
    pub(crate) fn counts(&self) -> impl fmt::Display + '_ {
        Counts(self)
    }
}

impl fmt::Display for PartialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.counts())?;
        let not_done = self.not_done().map(|(portion, _)| portion);
        name_some(f, "not done", not_done)?;
        let unknown = self.unknown().map(|(portion, _)| portion);
        name_some(f, "unknown", unknown)
    }
}

/// As `Display`: there may be many keys.
impl fmt::Debug for PartialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartialFailure({self})")
    }
}

fn name_some<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    mut portions: impl Iterator<Item = &'a Portion>,
) -> fmt::Result {
    let mut separator = format!("; {what}: ");
    for portion in portions.by_ref().take(NAMED) {
        write!(f, "{separator}{portion}")?;
        ", ".clone_into(&mut separator);
    }
    match portions.next() {
        Some(_) => f.write_str(", ..."),
        None => Ok(()),
    }
}

struct Counts<'a>(&'a PartialFailure);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.0.entries.first() {
            Some((Portion::Node(_), _)) => "nodes",
            _ => "keys",
        };
        write!(
            f,
            "of {} {unit} {} are done, {} not done and {} unknown",
            self.0.entries.len(),
            self.0.done().count(),
            self.0.not_done().count(),
            self.0.unknown().count()
        )
    }
}

/// A key as it would be shown to people: quoted, escaped, and cut if it is long.
impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => KeyName(key).fmt(f),
            Self::Node(addr) => addr.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn report(results: &[Result<(), Delivery>]) -> PartialFailure {
        let error =
            |delivery| Error::not_sent(ErrorKind::Connection, "closed").with_delivery(delivery);
        let entry = |(number, result): (usize, &Result<(), Delivery>)| {
            let key = Portion::Key(format!("k{number}").into());
            (key, result.map_err(error))
        };
        PartialFailure::new(results.iter().enumerate().map(entry).collect())
    }

    #[test]
    fn the_whole_is_not_sent_only_if_no_part_was() {
        use Delivery::{NotApplied, NotSent, Unknown};
        for (parts, whole) in [
            (&[Err(NotSent), Err(NotSent)][..], NotSent),
            (&[Err(NotSent), Err(NotApplied)], NotApplied),
            (&[Err(NotSent), Ok(())], Unknown),
            (&[Err(NotApplied), Err(Unknown)], Unknown),
        ] {
            assert_eq!(report(parts).delivery(), whole, "{parts:?}");
        }
    }

    #[test]
    fn each_part_is_in_one_list() {
        let results = [
            Ok(()),
            Err(Delivery::NotSent),
            Err(Delivery::NotApplied),
            Err(Delivery::Unknown),
        ];
        let report = report(&results);
        let key = |number: usize| Portion::Key(format!("k{number}").into());
        assert!(report.done().eq([&key(0)]));
        assert!(report.not_done().map(|(key, _)| key).eq([&key(1), &key(2)]));
        assert!(report.unknown().map(|(key, _)| key).eq([&key(3)]));
    }

    #[test]
    fn it_counts_all_and_names_few() {
        let report = report(&[Err(Delivery::NotSent); 1000]);
        let text = report.to_string();
        assert_eq!(
            text,
            "of 1000 keys 0 are done, 1000 not done and 0 unknown; not done: \"k0\", \"k1\", \"k2\", ..."
        );
        assert!(!report.counts().to_string().contains("k0"));
    }
}
