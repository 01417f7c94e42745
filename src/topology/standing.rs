//! Where a node stands: what `CLUSTER INFO` says of it, which tells how much its view is worth.

use super::reply;
use crate::value::Value;

/// What a node thinks of the cluster and of itself, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The newest epoch it has heard of.
    pub(super) epoch: Option<u64>,
    /// It does not serve: it was cut off from most of the others, or knows of slots that nobody serves.
    pub(super) is_failing: bool,
}

impl Standing {
    /// Reads an answer to `CLUSTER INFO`. One that is refused, as an access list may have it, says nothing.
    pub(crate) fn read(reply: &Value) -> Self {
        let mut standing = Self::default();
        let fields = reply::text(reply).unwrap_or_default().lines();
        for (name, value) in fields.filter_map(|line| line.trim().split_once(':')) {
            match name {
                "cluster_state" => standing.is_failing = value == "fail",
                "cluster_current_epoch" => standing.epoch = value.parse().ok(),
                _ => {}
            }
        }
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::reply::testing::bulk;
    use crate::value::ServerError;

    #[test]
    fn epoch_and_state_are_read() {
        let info = "cluster_enabled:1\r\ncluster_state:fail\r\ncluster_current_epoch:7\r\ncluster_my_epoch:3\r\n";
        let standing = Standing::read(&bulk(info));
        assert_eq!((standing.epoch, standing.is_failing), (Some(7), true));
        let standing = Standing::read(&bulk("cluster_state:ok\r\ncluster_current_epoch:0\r\n"));
        assert_eq!((standing.epoch, standing.is_failing), (Some(0), false));
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        let denied = Value::Error(ServerError::new("NOPERM no permissions"));
        for reply in [
            denied,
            Value::Nil,
            Value::Array(Vec::new()),
            bulk("\u{0}:\r\n:::"),
            bulk("cluster_current_epoch:-1"),
            bulk("cluster_current_epoch:99999999999999999999"),
        ] {
            assert_eq!(Standing::read(&reply), Standing::default(), "{reply:?}");
        }
    }
}
