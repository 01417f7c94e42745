//! A command's name, for who tells of it later and does not keep the command.

use std::borrow::Cow;

use super::{Command, CommandInfo};

#[derive(Debug)]
pub(crate) enum Name {
    Known(&'static CommandInfo),
    Other(Box<str>),
}

impl Name {
    #[inline]
    pub(crate) fn of(command: &Command) -> Self {
        match command.info() {
            Some(info) => Self::Known(info),
            None => Self::Other(command.name().into()),
        }
    }

    pub(crate) fn to_text(&self) -> Cow<'static, str> {
        match self {
            Self::Known(info) => info.name().into(),
            Self::Other(name) => name.clone().into_string().into(),
        }
    }
}
