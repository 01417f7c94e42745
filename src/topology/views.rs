//! Choosing among what several nodes say.

use std::cmp::Reverse;

use super::{Standing, Topology};
use crate::error::{Error, ErrorKind};

/// The views of one round of questions.
///
/// Nodes differ while a failover or a migration spreads, and a node that was cut off or reset may say anything. So
/// views are taken in this order, and the first that there is no objection to wins:
///
/// 1. that of a node that serves, before one whose `cluster_state` is `fail`. A node that was cut off with a minority
///    knows that it was, and tells a complete but old story, perhaps under a newer epoch: elections are tried there
///    too. While the whole cluster is down for an election nobody serves, and the node that was promoted is the first
///    to serve again;
/// 2. the most complete;
/// 3. the newest epoch;
/// 4. the one most nodes agree on;
/// 5. the first.
#[derive(Debug)]
pub(crate) struct Views {
    /// Distinct views, in the order they came.
    views: Vec<View>,
    /// The epoch of the last good topology.
    last_epoch: Option<u64>,
}

/// What some nodes agree on. The best of them vouches for it.
#[derive(Debug)]
struct View {
    topology: Topology,
    votes: usize,
    epoch: Option<u64>,
    is_failing: bool,
}

impl Views {
    /// No views yet. Those older than the epoch `last` will be doubted, unless it is `None`.
    pub(crate) fn newer_than(last: Option<u64>) -> Self {
        Self {
            views: Vec::new(),
            last_epoch: last,
        }
    }

    /// Adds the view of a node that stands so.
    ///
    /// # Errors
    ///
    /// If it covers no slot: its node knows nothing of the cluster.
    pub(crate) fn add(&mut self, topology: Topology, standing: Standing) -> Result<(), Error> {
        if topology.covered() == 0 {
            return Err(Error::not_sent(
                ErrorKind::Topology,
                "it knows of no slot served by a node that can be dialled",
            ));
        }
        let mut views = self.views.iter_mut();
        match views.find(|known| known.topology.agrees_with(&topology)) {
            Some(known) => {
                known.votes += 1;
                known.epoch = known.epoch.max(standing.epoch);
                known.is_failing &= standing.is_failing;
            }
            None => self.views.push(View {
                topology,
                votes: 1,
                epoch: standing.epoch,
                is_failing: standing.is_failing,
            }),
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// True if further answers would hardly change the choice: two nodes agree on a view that there is nothing against.
    pub(crate) fn is_settled(&self) -> bool {
        self.views.iter().any(|view| {
            view.votes > 1
                && view.topology.is_complete()
                && !view.is_failing
                && self.outdated(view).is_none()
        })
    }

    /// The best view, given that `asked` nodes were asked and `last` was the last good topology.
    ///
    /// # Errors
    ///
    /// If there is none. If most of the nodes asked do not say so, and it covers less than half of what `last`
    /// covered, or its epoch is older.
    pub(crate) fn best(mut self, asked: usize, last: Option<&Topology>) -> Result<Topology, Error> {
        let mut views = std::mem::take(&mut self.views);
        // A view in which no known node is left is perhaps of another cluster, that has the address of one of ours.
        let known = last.map(Topology::addrs);
        let is_kin = |view: &View| {
            (known.as_ref()).is_none_or(|known| !known.is_disjoint(&view.topology.addrs()))
        };
        views.sort_by_cached_key(|view| Reverse((is_kin(view), view.rank())));
        let mut objection = None;
        for view in views {
            match self
                .objection(&view, last)
                .filter(|_| view.votes * 2 <= asked)
            {
                None => {
                    return Ok(Topology {
                        epoch: view.epoch,
                        ..view.topology
                    });
                }
                Some(what) => {
                    objection.get_or_insert_with(|| {
                        format!(
                            "kept the last topology: the best new view {what}, and only {} of {asked} nodes asked say so",
                            view.votes,
                        )
                    });
                }
            }
        }
        Err(Error::not_sent(
            ErrorKind::Topology,
            objection.unwrap_or_else(|| "no node gave a usable view of the cluster".to_owned()),
        ))
    }

    /// What speaks against a view.
    fn objection(&self, view: &View, last: Option<&Topology>) -> Option<String> {
        let covered = view.topology.covered();
        let before = last.map_or(0, Topology::covered);
        if covered < before / 2 {
            return Some(format!("covers {covered} slots in place of {before}"));
        }
        let (epoch, last) = self.outdated(view)?;
        Some(format!("is of epoch {epoch}, older than {last}"))
    }

    /// The view's epoch and the last one, if it is older. Without an epoch nothing is known of its age.
    fn outdated(&self, view: &View) -> Option<(u64, u64)> {
        let epochs = view.epoch.zip(self.last_epoch);
        epochs.filter(|(epoch, last)| epoch < last)
    }
}

impl View {
    fn rank(&self) -> impl Ord + use<> {
        let is_serving = !self.is_failing;
        (is_serving, self.topology.covered(), self.epoch, self.votes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::NodeAddr;
    use crate::topology::builder::Builder;
    use crate::topology::{Node, Shard};

    /// A view in which one primary serves the slots below `covered`.
    fn view(primary: &str, covered: u16) -> Topology {
        let mut builder = Builder::new();
        let shard = builder
            .shard(Shard::new(Node::new(NodeAddr::new(primary, 1))))
            .expect("one");
        builder.assign(0, covered - 1, shard).expect("disjoint");
        builder.build()
    }

    fn serving(epoch: u64) -> Standing {
        Standing {
            epoch: Some(epoch),
            is_failing: false,
        }
    }

    fn failing(epoch: u64) -> Standing {
        Standing {
            epoch: Some(epoch),
            is_failing: true,
        }
    }

    fn views(
        last_epoch: Option<u64>,
        views: impl IntoIterator<Item = (Topology, Standing)>,
    ) -> Views {
        let mut all = Views::newer_than(last_epoch);
        for (view, standing) in views {
            all.add(view, standing).expect("not empty");
        }
        all
    }

    fn best_of(all: impl IntoIterator<Item = (Topology, Standing)>) -> NodeAddr {
        let best = views(None, all).best(3, None).expect("some view");
        best.any_primary().expect("covered").clone()
    }

    fn best(all: impl IntoIterator<Item = Topology>) -> Topology {
        let all = all.into_iter().map(|view| (view, Standing::default()));
        views(None, all).best(3, None).expect("some view")
    }

    #[test]
    fn most_complete_view_wins_then_the_most_agreed_then_the_first() {
        let (a, b) = (view("a", 16384), view("b", 16384));
        let part = || view("c", 9000);
        assert_eq!(best([part(), part(), a.clone()]), a);
        assert_eq!(best([a.clone(), b.clone(), b.clone()]), b);
        assert_eq!(best([a.clone(), b]), a);
    }

    #[test]
    fn empty_view_is_refused() {
        Views::newer_than(None)
            .add(Builder::new().build(), serving(9))
            .expect_err("nothing covered");
    }

    #[test]
    fn shrunken_view_is_refused_unless_most_nodes_say_so() {
        let last = view("a", 16384);
        let shrunken = |votes: usize| {
            let view = || (view("a", 8191), Standing::default());
            views(None, (0..votes).map(|_| view())).best(3, Some(&last))
        };
        let error = shrunken(1).expect_err("one node of three");
        assert!(
            error.to_string().contains("8191 slots in place of 16384"),
            "{error}"
        );
        assert_eq!(shrunken(2).expect("two nodes of three").covered(), 8191);
    }

    #[test]
    fn newer_epoch_goes_before_agreement_and_after_completeness() {
        let (a, b) = (|| view("a", 16384), || view("b", 16384));
        let all = [(a(), serving(6)), (a(), serving(6)), (b(), serving(7))];
        assert_eq!(best_of(all), NodeAddr::new("b", 1));
        let all = [(a(), serving(6)), (view("b", 9000), serving(7))];
        assert_eq!(best_of(all), NodeAddr::new("a", 1));
    }

    #[test]
    fn node_that_was_cut_off_is_not_believed_beside_one_that_serves() {
        let all = [
            (view("old", 16384), failing(9)),
            (view("old", 16384), failing(9)),
            (view("new", 16384), serving(7)),
        ];
        assert_eq!(best_of(all), NodeAddr::new("new", 1));
        // While all are down there is nobody better.
        assert_eq!(
            best_of([(view("old", 16384), failing(9))]),
            NodeAddr::new("old", 1)
        );
    }

    #[test]
    fn view_of_an_older_epoch_is_refused_unless_most_nodes_say_so() {
        let last = view("a", 16384);
        let older = |votes: usize, last_epoch| {
            let view = || (view("b", 16384), serving(6));
            views(last_epoch, (0..votes).map(|_| view())).best(3, Some(&last))
        };
        let error = older(1, Some(7)).expect_err("one node of three");
        assert!(
            error.to_string().contains("epoch 6, older than 7"),
            "{error}"
        );
        assert_eq!(older(2, Some(7)).expect("two of three").epoch(), Some(6));
        older(1, Some(6)).expect("as new");
        older(1, None).expect("nothing to compare with");
    }

    #[test]
    fn view_that_is_refused_gives_way_to_the_next() {
        let last = view("a", 16384);
        let all = [
            (view("lonely", 100), serving(9)),
            (view("b", 16384), failing(8)),
        ];
        let best = views(Some(7), all).best(3, Some(&last)).expect("the other");
        assert_eq!(best.any_primary(), Some(&NodeAddr::new("b", 1)));
    }

    #[test]
    fn settled_once_two_agree_on_a_complete_view_that_nothing_speaks_against() {
        let twice = |standing| [(); 2].map(|()| (view("a", 16384), standing));
        let is_settled = |all| views(Some(7), all).is_settled();
        assert!(is_settled(twice(Standing::default())));
        assert!(is_settled(twice(serving(7))));
        assert!(!is_settled(twice(serving(6))), "older");
        assert!(!is_settled(twice(failing(7))), "not serving");
        let differing = ["a", "b"].map(|primary| (view(primary, 16384), serving(7)));
        assert!(!is_settled(differing));
    }
}
