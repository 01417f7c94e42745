//! The cluster as one of its nodes sees it: what `CLUSTER NODES` says.

use std::ops::RangeInclusive;

/// A node's view of all.
#[derive(Debug)]
pub(crate) struct View(Vec<Seen>);

#[derive(Debug)]
struct Seen {
    id: String,
    is_primary: bool,
    slots: Vec<RangeInclusive<u16>>,
}

impl View {
    pub(super) fn parse(nodes: &str) -> Self {
        let seen = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let slots = fields.get(8..)?.iter();
            Some(Seen {
                id: fields[0].to_owned(),
                is_primary: fields[2].split(',').any(|flag| flag == "master"),
                slots: slots.filter_map(|slots| range(slots)).collect(),
            })
        };
        Self(nodes.lines().filter_map(seen).collect())
    }

    /// True if this node is a primary with slots.
    pub(crate) fn serves(&self, id: &str) -> bool {
        self.slots(id).is_some()
    }

    /// The first slots of a primary.
    pub(crate) fn slots(&self, id: &str) -> Option<RangeInclusive<u16>> {
        let primary = self
            .0
            .iter()
            .find(|seen| seen.id == id && seen.is_primary)?;
        primary.slots.first().cloned()
    }
}

/// None of slots that are on their way.
fn range(slots: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::View;

    #[test]
    fn only_primaries_with_slots_serve() {
        let view = View::parse(
            "a 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-5460 [77->-b]\n\
             b 127.0.0.1:3@4 master - 0 0 2 connected\n\
             c 127.0.0.1:5@6 slave a 0 0 1 connected\n\
             d 127.0.0.1:7@8 master,fail - 0 0 3 connected 9 11-12\n",
        );
        assert_eq!(view.slots("a"), Some(0..=5460));
        assert_eq!(view.slots("d"), Some(9..=9));
        assert!(!view.serves("b") && !view.serves("c") && !view.serves("x"));
    }
}
