//! What the clones of a command share. What differs from attempt to attempt is in the [`Command`](super::Command) itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::args::Args;
use super::{Batch, CommandInfo, Extensions, Slot, Target, TopologyCell};
use crate::exclusive::LeaseRequest;

/// The arguments, and what is known of them. Clones share this until one of them is changed.
#[derive(Clone)]
pub(super) struct Contents {
    pub(super) args: Args,
    pub(super) info: Option<&'static CommandInfo>,
    pub(super) keys: Keys,
    pub(super) is_idempotent: bool,
    pub(super) extras: Option<Box<Extras>>,
}

/// What is known of the keys while arguments are added.
#[derive(Clone, Copy)]
pub(super) enum Keys {
    /// None yet.
    None,
    /// All keys so far hash to this slot.
    One(Slot),
    /// Two keys hash to these two slots.
    Crossed(Slot, Slot),
}

/// What few commands have.
#[derive(Clone, Default)]
pub(super) struct Extras {
    pub(super) is_unchecked: bool,
    /// The first argument that is a float and no number.
    pub(super) nan_at: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) waiting_since: Option<Instant>,
    pub(super) target: Option<Target>,
    pub(super) batch: Option<Arc<Batch>>,
    /// This is a request that the outcomes of the batch are of.
    pub(super) is_batch_claimed: bool,
    pub(super) lease: Option<Arc<LeaseRequest>>,
    pub(super) topology: Option<Arc<TopologyCell>>,
    pub(super) wants_confirmed_topology: bool,
    pub(super) is_exclusive: bool,
    pub(super) extensions: Extensions,
}

impl Contents {
    /// Of a command without a name yet.
    #[inline]
    pub(super) fn new(info: Option<&'static CommandInfo>) -> Self {
        Self {
            args: Args::new(),
            info,
            keys: Keys::None,
            is_idempotent: false,
            extras: None,
        }
    }

    pub(super) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Adds an argument by copying it.
    #[inline]
    pub(super) fn push(&mut self, argument: &[u8], is_key: bool) {
        self.before_argument(argument, is_key);
        self.args.push(argument);
    }

    /// Adds an argument, which is not copied if it is large.
    pub(super) fn push_bytes(&mut self, argument: Bytes, is_key: bool) {
        self.before_argument(&argument, is_key);
        self.args.push_bytes(argument);
    }

    /// Takes note of what the argument about to be added tells.
    #[inline]
    fn before_argument(&mut self, argument: &[u8], is_key: bool) {
        let index = self.args.count();
        if let Some(info) = self.info {
            if index == 1
                && let Some(subcommand) = info.subcommand(argument)
            {
                self.info = Some(subcommand);
            } else if info.single_key() == u8::try_from(index).ok() {
                self.keys.add(argument);
            }
        }
        if is_key && self.needs_keys_named() {
            self.keys.add(argument);
        }
    }

    /// Takes note that the argument about to be added is a float that is no number.
    pub(super) fn before_nan(&mut self) {
        let position = self.args.count();
        self.extras_mut().nan_at.get_or_insert(position);
    }

    /// True if the table does not know where the keys are: it has no such command, or no such subcommand.
    pub(super) fn needs_keys_named(&self) -> bool {
        self.info.is_none_or(|info| !info.subcommands().is_empty())
    }
}

impl Keys {
    pub(super) fn add(&mut self, key: &[u8]) {
        let slot = Slot::of(key);
        match *self {
            Self::None => *self = Self::One(slot),
            Self::One(first) if first != slot => *self = Self::Crossed(first, slot),
            Self::One(_) | Self::Crossed(..) => {}
        }
    }
}
