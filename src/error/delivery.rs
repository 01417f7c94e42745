//! [`Delivery`].

use std::fmt;

/// How far a command got before it failed: what decides whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// No byte of it was written. Every command may be retried.
    NotSent,
    /// The server refused it without applying it (`TRYAGAIN`, `CLUSTERDOWN`, `LOADING`, ...).
    /// Every command may be retried.
    NotApplied,
    /// It was written, and then the connection was lost or the deadline passed: it may have been applied or not.
    /// Only read-only or explicitly idempotent commands may be retried. Also for a reply of another type than asked
    /// for, and for error replies that do not tell ([`ServerError::delivery`](crate::ServerError::delivery)).
    ///
    /// A pipeline, or a command of several nodes, is `Unknown` as a whole as soon as a part of it is done: another time would
    /// do that part again. Each part has its own delivery, see [`Error::partial`](crate::Error::partial) and
    /// [`Cluster::pipeline_each`](crate::Cluster::pipeline_each).
    Unknown,
}

impl Delivery {
    /// How far the command got at most, of what is known from two sources.
    pub(crate) fn at_most(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::NotApplied, _) | (_, Self::NotApplied) => Self::NotApplied,
            (Self::NotSent, Self::NotSent) => Self::NotSent,
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "not sent",
            Self::NotApplied => "not applied",
            Self::Unknown => "may have been applied",
        })
    }
}
