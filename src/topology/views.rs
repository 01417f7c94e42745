//! Choosing among what several nodes say.

use super::Topology;
use crate::error::{Error, ErrorKind};

/// The views of one round of questions.
///
/// Nodes differ while a failover or a migration spreads, and a node that was cut off or reset may say anything.
/// So the most complete view wins, among those the one most nodes agree on, among those the first.
#[derive(Debug, Default)]
pub(crate) struct Views {
    /// Distinct views, in the order they came, and how many nodes said so.
    views: Vec<(Topology, usize)>,
}

impl Views {
    /// Adds a view.
    ///
    /// # Errors
    ///
    /// If it covers no slot: its node knows nothing of the cluster.
    pub(crate) fn add(&mut self, view: Topology) -> Result<(), Error> {
        if view.covered() == 0 {
            return Err(Error::new(
                ErrorKind::Topology,
                "it knows of no slot served by a node that can be dialled",
            ));
        }
        match self
            .views
            .iter_mut()
            .find(|(known, _)| known.agrees_with(&view))
        {
            Some((_, votes)) => *votes += 1,
            None => self.views.push((view, 1)),
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// True if further answers would hardly change the choice: two nodes agree on a complete view.
    pub(crate) fn is_settled(&self) -> bool {
        self.views
            .iter()
            .any(|(view, votes)| view.is_complete() && *votes > 1)
    }

    /// The best view, given that `asked` nodes were asked and `last` was the last good topology.
    ///
    /// # Errors
    ///
    /// If there is none, or if it covers less than half of what `last` covered without most of the nodes asked
    /// saying so.
    pub(crate) fn best(self, asked: usize, last: Option<&Topology>) -> Result<Topology, Error> {
        let (view, votes) = self
            .views
            .into_iter()
            .rev()
            .max_by_key(|(view, votes)| (view.covered(), *votes))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Topology,
                    "no node gave a usable view of the cluster",
                )
            })?;
        let before = last.map_or(0, Topology::covered);
        if view.covered() < before / 2 && votes * 2 <= asked {
            return Err(Error::new(
                ErrorKind::Topology,
                format!(
                    "kept the last topology: the best new view covers {} slots in place of {before}, \
                     and only {votes} of {asked} nodes asked say so",
                    view.covered(),
                ),
            ));
        }
        Ok(view)
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
        let shard = builder.shard(Shard::new(Node::new(NodeAddr::new(primary, 1))));
        builder.assign(0, covered - 1, shard).expect("disjoint");
        builder.build()
    }

    fn best(views: impl IntoIterator<Item = Topology>) -> Topology {
        let mut all = Views::default();
        for view in views {
            all.add(view).expect("not empty");
        }
        all.best(3, None).expect("some view")
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
        Views::default()
            .add(Builder::new().build())
            .expect_err("nothing covered");
    }

    #[test]
    fn shrunken_view_is_refused_unless_most_nodes_say_so() {
        let last = view("a", 16384);
        let shrunken = |votes: usize| {
            let mut views = Views::default();
            for _ in 0..votes {
                views.add(view("a", 8191)).expect("not empty");
            }
            views.best(3, Some(&last))
        };
        let error = shrunken(1).expect_err("one node of three");
        assert!(
            error.to_string().contains("8191 slots in place of 16384"),
            "{error}"
        );
        assert_eq!(shrunken(2).expect("two nodes of three").covered(), 8191);
    }

    #[test]
    fn settled_once_two_agree_on_a_complete_view() {
        let mut views = Views::default();
        views.add(view("a", 16384)).expect("not empty");
        views.add(view("b", 16384)).expect("not empty");
        assert!(!views.is_settled());
        views.add(view("a", 16384)).expect("not empty");
        assert!(views.is_settled());
    }
}
