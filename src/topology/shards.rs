//! Reading the answer to `CLUSTER SHARDS`.
//!
//! An array of shards, `{slots: [first, last, ...], nodes: [...]}`; each node is a map of `id`, `endpoint`, `ip`,
//! `hostname`, `port`, `tls-port`, `role`, `health` and `replication-offset`.

use super::announced::Announced;
use super::builder::{Builder, MAX_NODES, too_many_nodes};
use super::{Health, Node, Shard, Topology, reply};
use crate::error::Error;
use crate::value::Value;

const COMMAND: &str = "CLUSTER SHARDS";

pub(super) fn read(reply: &Value, announced: &Announced<'_>, tls: bool) -> Result<Topology, Error> {
    let mut builder = Builder::new();
    for (index, entry) in reply::entries(reply, COMMAND)?.iter().enumerate() {
        read_shard(entry, announced, tls, &mut builder)
            .map_err(|what| reply::malformed(COMMAND, format_args!("shard {index}: {what}")))?;
    }
    Ok(builder.build())
}

fn read_shard(
    entry: &Value,
    announced: &Announced<'_>,
    tls: bool,
    builder: &mut Builder,
) -> Result<(), String> {
    let list = |name| {
        reply::field(entry, name)
            .and_then(reply::list)
            .ok_or_else(|| format!("expected {name:?} as an array"))
    };
    let (mut primaries, mut replicas) = (Vec::new(), Vec::new());
    let nodes = list("nodes")?;
    if nodes.len() > MAX_NODES {
        return Err(too_many_nodes());
    }
    for node in nodes {
        if let Some((is_primary, node)) = read_node(node, announced, tls)? {
            if is_primary {
                &mut primaries
            } else {
                &mut replicas
            }
            .push(node);
        }
    }
    let slots = list("slots")?;
    if slots.len() % 2 != 0 {
        return Err("expected slots in pairs".into());
    }
    // A primary that failed stays listed as one beside its successor. One that loads its data is still the one to
    // ask: it answers LOADING. Without any, the slots stay uncovered until the election is over.
    let primary = primaries
        .into_iter()
        .filter(|node| node.health() != Health::Failed)
        .max_by_key(|node| (node.health() == Health::Online, node.replication_offset()));
    let Some(primary) = primary else {
        return Ok(());
    };
    let shard = builder.shard(Shard::new(primary).with_replicas(replicas))?;
    for range in slots.chunks_exact(2) {
        let (from, to) = reply::slot_range(range.first(), range.get(1))?;
        builder.assign(from, to, shard)?;
    }
    Ok(())
}

/// A node that can be dialled, and whether it is a primary.
fn read_node(
    node: &Value,
    announced: &Announced<'_>,
    tls: bool,
) -> Result<Option<(bool, Node)>, String> {
    let field = |name| reply::field(node, name);
    let text = |name| field(name).and_then(reply::text);
    let is_primary = match text("role") {
        Some("master" | "primary") => true,
        Some("replica" | "slave") => false,
        _ => return Err("expected a role, master or replica".into()),
    };
    let health = match text("health") {
        Some("loading") => Health::Loading,
        Some("fail" | "failed") => Health::Failed,
        _ => Health::Online,
    };
    let port = |name| match field(name) {
        None => Ok(None),
        Some(port) => reply::integer(port)
            .map(Some)
            .ok_or_else(|| format!("expected {name:?} as an integer")),
    };
    let port = match (port("tls-port")?, port("port")?) {
        (Some(port), _) if tls => port,
        // No port for this kind of client: as if it were 0.
        (_, port) => port.unwrap_or(0),
    };
    let host = match field("endpoint") {
        None => None,
        Some(endpoint) if reply::is_nil(endpoint) => None,
        Some(endpoint) => Some(reply::bytes(endpoint).ok_or("expected an endpoint as a string")?),
    };
    Ok(announced.addr(host, port)?.map(|addr| {
        let node = Node::new(addr)
            .with_id(text("id"))
            .with_health(health)
            .with_availability_zone(text("availability-zone"))
            .with_replication_offset(field("replication-offset").and_then(reply::integer));
        (is_primary, node)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::NodeAddr;
    use crate::command::Slot;
    use crate::topology::reply::testing::{array, bulk, flat, int, map};

    type Fields = Vec<(&'static str, Value)>;

    fn node(host: &str, port: i64, role: &str, health: &str, offset: i64) -> Fields {
        vec![
            ("id", bulk("id")),
            ("port", int(port)),
            ("tls-port", int(port + 1000)),
            ("endpoint", bulk(host)),
            ("role", bulk(role)),
            ("replication-offset", int(offset)),
            ("health", bulk(health)),
        ]
    }

    fn shard(slots: [i64; 2], nodes: impl IntoIterator<Item = Fields>) -> Value {
        let nodes = nodes.into_iter().map(map);
        map([("slots", array(slots.map(int))), ("nodes", array(nodes))])
    }

    fn read(reply: &Value) -> Topology {
        Topology::from_shards(reply, &NodeAddr::new("seed", 6379), false).expect("well-formed")
    }

    fn primary(topology: &Topology, slot: u16) -> Option<String> {
        let slot = Slot::new(slot).expect("below 16384");
        topology.primary(slot).map(NodeAddr::to_string)
    }

    #[test]
    fn failed_primary_is_not_picked() {
        let topology = read(&array([
            shard(
                [0, 9],
                [
                    node("a", 1, "master", "fail", 99),
                    node("b", 2, "master", "online", 5),
                ],
            ),
            shard(
                [10, 19],
                [
                    node("c", 3, "master", "failed", 99),
                    node("d", 4, "replica", "online", 5),
                ],
            ),
            shard([20, 29], [node("e", 5, "master", "loading", 0)]),
        ]));
        assert_eq!(primary(&topology, 0).as_deref(), Some("b:2"));
        assert_eq!(primary(&topology, 10), None, "an election is due");
        assert_eq!(
            primary(&topology, 20).as_deref(),
            Some("e:5"),
            "it answers LOADING by itself"
        );
    }

    #[test]
    fn online_primary_goes_before_a_loading_one_and_the_larger_offset_first() {
        let topology = read(&array([shard(
            [0, 9],
            [
                node("a", 1, "master", "loading", 99),
                node("b", 2, "master", "online", 5),
                node("c", 3, "master", "online", 7),
            ],
        )]));
        assert_eq!(primary(&topology, 0).as_deref(), Some("c:3"));
    }

    #[test]
    fn resp2_gives_the_same_topology_as_resp3() {
        let fields = node("a", 1, "master", "online", 5);
        let resp3 = array([shard([0, 9], [fields.clone()])]);
        let resp2 = array([flat([
            ("slots", array([int(0), int(9)])),
            ("nodes", array([flat(fields)])),
        ])]);
        assert_eq!(read(&resp2), read(&resp3));
        assert_eq!(read(&resp2).covered(), 10);
    }

    #[test]
    fn port_is_the_one_for_this_kind_of_client() {
        let seed = NodeAddr::new("seed", 6379);
        let reply = array([shard([0, 9], [node("a", 1, "master", "online", 0)])]);
        let tls = Topology::from_shards(&reply, &seed, true).expect("well-formed");
        assert_eq!(primary(&tls, 0).as_deref(), Some("a:1001"));

        let mut tls_only = node("a", 1, "master", "online", 0);
        tls_only.retain(|(name, _)| *name != "port");
        let reply = array([shard([0, 9], [tls_only])]);
        assert_eq!(primary(&read(&reply), 0), None, "no port for plain clients");
    }

    #[test]
    fn shard_without_slots_is_known() {
        let reply = array([map([
            ("slots", array([])),
            ("nodes", array([map(node("a", 1, "master", "online", 0))])),
        ])]);
        assert_eq!(read(&reply).shards().len(), 1);
    }

    #[test]
    fn malformed_answers_are_errors_that_name_the_shard() {
        let good = || node("a", 1, "master", "online", 0);
        let with = |name: &'static str, value: Value| {
            let mut fields = good();
            fields.retain(|(known, _)| *known != name);
            fields.push((name, value));
            shard([0, 9], [fields])
        };
        for (entry, what) in [
            (int(1), "\"nodes\""),
            (map([("nodes", array([]))]), "\"slots\""),
            (shard([0, 16384], [good()]), "slot 16384 is out of range"),
            (
                map([("slots", array([int(1)])), ("nodes", array([map(good())]))]),
                "in pairs",
            ),
            (with("role", bulk("emperor")), "expected a role"),
            (with("port", bulk("1")), "\"port\" as an integer"),
            (with("endpoint", int(1)), "expected an endpoint"),
        ] {
            let seed = NodeAddr::new("seed", 6379);
            let error = Topology::from_shards(&array([entry]), &seed, false).expect_err(what);
            let text = error.to_string();
            assert!(text.contains("shard 0") && text.contains(what), "{text}");
        }
    }
}
