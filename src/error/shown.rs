//! How an error is displayed: what happened, where, and why before.

use std::fmt;

use super::{Error, ErrorKind};

/// An error as it is displayed, with or without the names of keys.
pub(super) struct Shown<'a> {
    pub(super) error: &'a Error,
    pub(super) with_names: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.error.inner;
        write!(f, "{}", self.error.what())?;
        if let Some(names) = inner.names.as_deref().filter(|_| self.with_names) {
            write!(f, ": {names}")?;
        }
        let mut separator = " (";
        let mut fact = |f: &mut fmt::Formatter<'_>, args: fmt::Arguments<'_>| {
            f.write_str(std::mem::replace(&mut separator, ", "))?;
            f.write_fmt(args)
        };
        if let Some(command) = &inner.command {
            fact(f, format_args!("command {command}"))?;
        }
        if let Some(slot) = inner.slot {
            fact(f, format_args!("slot {slot}"))?;
        }
        if let Some(node) = &inner.node {
            fact(f, format_args!("node {node}"))?;
        }
        if inner.attempts > 1 {
            fact(f, format_args!("{} attempts", inner.attempts))?;
        }
        let is_known = matches!(inner.kind, ErrorKind::Conversion | ErrorKind::Server);
        if let Some(note) = &inner.note {
            fact(f, format_args!("{note}"))?;
        } else if !is_known && inner.command.is_some() && inner.partial.is_none() {
            fact(f, format_args!("{}", inner.delivery))?;
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        match inner.partial.as_deref() {
            None => {}
            Some(partial) if self.with_names => write!(f, "; {partial}")?,
            Some(partial) => write!(f, "; {}", partial.counts())?,
        }
        match self.error.before() {
            None => Ok(()),
            Some(before) => {
                // A server's words may have contents.
                match self.with_names {
                    true => write!(f, "; before that: {}", before.what())?,
                    false => write!(f, "; before that: {}", before.without_contents())?,
                }
                match before
                    .node()
                    .filter(|node| Some(*node) != self.error.node())
                {
                    None => Ok(()),
                    Some(node) => write!(f, " (node {node})"),
                }
            }
        }
    }
}

impl Error {
    /// What happened, without where.
    fn what(&self) -> &dyn fmt::Display {
        match &self.inner.server {
            Some(error) => error,
            None => &self.inner.message,
        }
    }

    /// As [`what`](Self::what), of an error reply no more than its code.
    fn without_contents(&self) -> &str {
        match &self.inner.server {
            Some(error) => error.code(),
            None => &self.inner.message,
        }
    }

    /// The error of ours behind this one that says something else: that of an attempt before.
    fn before(&self) -> Option<&Self> {
        fn ours(error: &Error) -> Option<&Error> {
            error.inner.source.as_deref()?.downcast_ref()
        }
        // What has failed for the same reason as a part of it says nothing new.
        let says_more = |error: &&Self| error.what().to_string() != self.what().to_string();
        std::iter::successors(ours(self), |&error| ours(error)).find(says_more)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_names = true;
        Shown {
            error: self,
            with_names,
        }
        .fmt(f)
    }
}
