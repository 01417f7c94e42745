//! The clients under measure, one per file.

mod fred;
#[cfg(feature = "glide")]
mod glide;
mod redis1;
mod redis2;
mod redis_tower;
mod rustis;
mod this;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cell::{self, Cell, Measured};
use crate::outages::{self, Application};
use crate::peer::{Failure, Peer, Request};

/// For the clients that are told how long connecting may take, in outages.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client under measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Client {
    This,
    Redis1,
    Redis2,
    Fred,
    Rustis,
    RedisTower,
    #[cfg(feature = "glide")]
    Glide,
}

/// Does something with the type of a client.
macro_rules! with_peer {
    ($client:expr, $peer:ident => $body:expr) => {
        match $client {
            Client::This => {
                type $peer = this::This;
                $body
            }
            Client::Redis1 => {
                type $peer = redis1::Redis1;
                $body
            }
            Client::Redis2 => {
                type $peer = redis2::Redis2;
                $body
            }
            Client::Fred => {
                type $peer = fred::Fred;
                $body
            }
            Client::Rustis => {
                type $peer = rustis::Rustis;
                $body
            }
            Client::RedisTower => {
                type $peer = redis_tower::RedisTower;
                $body
            }
            #[cfg(feature = "glide")]
            Client::Glide => {
                type $peer = glide::Glide;
                $body
            }
        }
    };
}

impl Client {
    pub(crate) const ALL: &[Self] = &[
        Self::This,
        Self::Redis1,
        Self::Redis2,
        Self::Fred,
        Self::Rustis,
        Self::RedisTower,
        #[cfg(feature = "glide")]
        Self::Glide,
    ];

    /// Those with these names; all if there is none.
    pub(crate) fn chosen(names: &[String]) -> Result<Vec<Self>, String> {
        if names.is_empty() {
            return Ok(Self::ALL.to_vec());
        }
        let client = |name: &String| {
            let found = Self::ALL.iter().find(|client| client.name() == name);
            found
                .copied()
                .ok_or_else(|| format!("there is no client {name}; see --list"))
        };
        names.iter().map(client).collect()
    }

    /// True of this crate.
    pub(crate) fn is_this(self) -> bool {
        self == Self::This
    }

    /// The name by which it is chosen, and which stands in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::This => "this",
            Self::Redis1 => "redis-1",
            Self::Redis2 => "redis-2",
            Self::Fred => "fred",
            Self::Rustis => "rustis",
            Self::RedisTower => "redis-tower",
            #[cfg(feature = "glide")]
            Self::Glide => "glide",
        }
    }

    /// The crates it is made of, as they stand in the lock file: name, and the start of the version.
    pub(crate) fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::This => ("tower-redis-cluster", ""),
            Self::Redis1 => ("redis", "1."),
            Self::Redis2 => ("redis", "2."),
            Self::Fred => ("fred", ""),
            Self::Rustis => ("rustis", ""),
            Self::RedisTower => ("redis-tower-cluster", ""),
            #[cfg(feature = "glide")]
            Self::Glide => ("valkey-glide", ""),
        }
    }

    pub(crate) fn configuration(self) -> &'static str {
        with_peer!(self, P => P::CONFIGURATION)
    }

    pub(crate) fn in_outages(self) -> &'static str {
        with_peer!(self, P => P::IN_OUTAGES)
    }

    pub(crate) fn unsupported(self, request: Request) -> Option<&'static str> {
        with_peer!(self, P => P::unsupported(request))
    }

    /// Runs an application in this process.
    pub(crate) fn live(self, application: &Application) -> Result<(), Failure> {
        with_peer!(self, P => outages::live::<P>(application))
    }

    /// Runs a cell in this process.
    pub(crate) fn measure(self, cell: &Cell) -> Result<Measured, Failure> {
        with_peer!(self, P => cell::measure::<P>(cell))
    }
}
