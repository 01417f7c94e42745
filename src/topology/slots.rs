//! Reading the answer to `CLUSTER SLOTS`.
//!
//! An array of ranges, `[first slot, last slot, primary, replica...]`; each node is
//! `[endpoint, port, id, metadata]`, of which old servers send only the first two or three.

use super::announced::Announced;
use super::builder::{Builder, MAX_NODES, too_many_nodes};
use super::{Node, Shard, Topology, reply};
use crate::error::Error;
use crate::value::Value;

const COMMAND: &str = "CLUSTER SLOTS";

pub(super) fn read(reply: &Value, announced: &Announced<'_>) -> Result<Topology, Error> {
    let mut builder = Builder::new();
    for (index, entry) in reply::entries(reply, COMMAND)?.iter().enumerate() {
        read_range(entry, announced, &mut builder)
            .map_err(|what| reply::malformed(COMMAND, format_args!("entry {index}: {what}")))?;
    }
    Ok(builder.build())
}

fn read_range(
    entry: &Value,
    announced: &Announced<'_>,
    builder: &mut Builder,
) -> Result<(), String> {
    let entry = reply::list(entry).ok_or("expected an array")?;
    let (from, to) = reply::slot_range(entry.first(), entry.get(1))?;
    let (primary, replicas) = entry
        .get(2..)
        .and_then(<[Value]>::split_first)
        .ok_or("expected a primary")?;
    if replicas.len() > MAX_NODES {
        return Err(too_many_nodes());
    }
    let primary = read_node(primary, announced)?;
    let replicas = replicas
        .iter()
        .filter_map(|node| read_node(node, announced).transpose())
        .collect::<Result<_, _>>()?;
    // Without a primary that can be dialled the slots stay uncovered.
    if let Some(primary) = primary {
        let shard = builder.shard(Shard::new(primary).with_replicas(replicas))?;
        builder.assign(from, to, shard)?;
    }
    Ok(())
}

fn read_node(node: &Value, announced: &Announced<'_>) -> Result<Option<Node>, String> {
    let Some([endpoint, port, rest @ ..]) = reply::list(node) else {
        return Err("expected a node as an array of endpoint and port".into());
    };
    let host = match endpoint {
        endpoint if reply::is_nil(endpoint) => None,
        endpoint => Some(reply::bytes(endpoint).ok_or("expected an endpoint as a string")?),
    };
    let port = reply::integer(port).ok_or("expected a port as an integer")?;
    let zone = rest
        .get(1)
        .and_then(|metadata| reply::field(metadata, "availability-zone"));
    Ok(announced.addr(host, port)?.map(|addr| {
        Node::new(addr)
            .with_id(rest.first().and_then(reply::text))
            .with_availability_zone(zone.and_then(reply::text))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::NodeAddr;
    use crate::command::Slot;
    use crate::error::ErrorKind;
    use crate::topology::reply::testing::{array, bulk, int, map};

    fn read(reply: &Value) -> Result<Topology, Error> {
        Topology::from_slots(reply, &NodeAddr::new("seed", 6379))
    }

    fn node(host: &str, port: i64) -> Value {
        array([bulk(host), int(port), bulk("id"), array([])])
    }

    fn range(from: i64, to: i64, nodes: impl IntoIterator<Item = Value>) -> Value {
        array([int(from), int(to)].into_iter().chain(nodes))
    }

    fn primary(topology: &Topology, slot: u16) -> Option<String> {
        let slot = Slot::new(slot).expect("below 16384");
        topology.primary(slot).map(NodeAddr::to_string)
    }

    #[test]
    fn ranges_of_one_primary_are_one_shard() {
        let topology = read(&array([
            range(0, 99, [node("a", 1), node("b", 2)]),
            range(100, 199, [node("c", 3)]),
            range(200, 299, [node("a", 1), node("b", 2)]),
        ]))
        .expect("well-formed");
        assert_eq!((topology.shards().len(), topology.covered()), (2, 300));
        for (slot, expected) in [
            (0, Some("a:1")),
            (99, Some("a:1")),
            (100, Some("c:3")),
            (299, Some("a:1")),
            (300, None),
        ] {
            assert_eq!(primary(&topology, slot).as_deref(), expected, "slot {slot}");
        }
        let replicas = topology.replicas(Slot::new(250).expect("below 16384"));
        assert_eq!(replicas[0].addr(), &NodeAddr::new("b", 2));
        assert_eq!(replicas[0].id(), Some("id"));
    }

    #[test]
    fn node_without_a_host_has_the_answering_nodes() {
        for host in [Value::Nil, bulk("")] {
            let topology =
                read(&array([range(0, 9, [array([host, int(7001)])])])).expect("well-formed");
            assert_eq!(primary(&topology, 0).as_deref(), Some("seed:7001"));
        }
    }

    #[test]
    fn nodes_that_cannot_be_dialled_are_left_out() {
        let topology = read(&array([
            range(0, 9, [node("?", 1), node("b", 2)]),
            range(10, 19, [node("c", 0)]),
            range(20, 29, [node("d", 4), node("?", 5), node("e", 0)]),
        ]))
        .expect("well-formed");
        assert_eq!(topology.covered(), 10);
        assert_eq!(topology.nodes().count(), 1);
        assert_eq!(primary(&topology, 20).as_deref(), Some("d:4"));
    }

    #[test]
    fn metadata_is_read_from_resp2_arrays_and_resp3_maps() {
        let fields = [("hostname", "h"), ("availability-zone", "z1")];
        let flat = array(
            fields
                .iter()
                .flat_map(|(name, value)| [bulk(name), bulk(value)]),
        );
        for metadata in [flat, map(fields.map(|(name, value)| (name, bulk(value))))] {
            let node = array([
                bulk("a"),
                int(1),
                bulk("id"),
                metadata,
                bulk("of a later server"),
            ]);
            let topology = read(&array([range(0, 9, [node])])).expect("well-formed");
            let shard = topology
                .shard(Slot::new(0).expect("below 16384"))
                .expect("covered");
            assert_eq!(shard.primary().availability_zone(), Some("z1"));
        }
    }

    #[test]
    fn malformed_answers_are_errors_that_name_the_entry() {
        let good = || range(0, 9, [node("a", 1)]);
        for (entry, what) in [
            (int(1), "expected an array"),
            (array([]), "first and the last slot"),
            (array([int(10), int(19)]), "expected a primary"),
            (
                range(10, 16384, [node("a", 1)]),
                "slot 16384 is out of range",
            ),
            (range(-1, 3, [node("a", 1)]), "slot -1 is out of range"),
            (range(20, 10, [node("a", 1)]), "wrong order"),
            (range(9, 12, [node("b", 2)]), "slot 9 is given twice"),
            (range(10, 19, [bulk("a:1")]), "expected a node"),
            (
                range(10, 19, [array([int(1), int(1)])]),
                "expected an endpoint",
            ),
            (
                range(10, 19, [array([bulk("a"), bulk("1")])]),
                "expected a port",
            ),
            (
                range(10, 19, [node("a", 65536)]),
                "port 65536 is out of range",
            ),
            (range(10, 19, [node("a b", 1)]), "is no host"),
        ] {
            let error = read(&array([good(), entry])).expect_err(what);
            let text = error.to_string();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{text}");
            assert!(text.contains("entry 1") && text.contains(what), "{text}");
        }
        assert_eq!(
            read(&Value::Nil).expect_err("nil").kind(),
            ErrorKind::Protocol
        );
    }

    #[test]
    fn more_nodes_than_a_cluster_can_have_are_refused_before_they_are_kept() {
        let hosts = |slot: usize, count| (0..count).map(move |n| node(&format!("h{slot}-{n}"), 1));
        let one = array([range(0, 9, hosts(0, MAX_NODES + 2))]);
        let many = array((0..400).map(|slot| range(slot as i64, slot as i64, hosts(slot, 100))));
        for reply in [one, many] {
            let allocated = allocation_counter::measure(|| {
                let error = read(&reply).expect_err("too many").to_string();
                assert!(error.contains("more than 32768 nodes"), "{error}");
            });
            assert!(allocated.bytes_max < 16 * 1024 * 1024, "{allocated:?}");
        }
        // The same nodes once for each of their ranges are few.
        let same = (0..16384).map(|slot| range(slot, slot, hosts(0, 3)));
        assert_eq!(read(&array(same)).expect("true").nodes().count(), 3);
    }

    #[test]
    fn names_without_end_are_not_kept() {
        let long = "x".repeat(1024 * 1024);
        let metadata = map([("availability-zone", bulk(&long))]);
        let node = array([bulk("a"), int(1), bulk(&long), metadata]);
        let topology = read(&array([range(0, 9, [node])])).expect("well-formed");
        let node = topology.nodes().next().expect("a primary");
        assert_eq!((node.id(), node.availability_zone()), (None, None));
    }

    #[test]
    fn standalone_server_is_named_as_the_cause() {
        let reply = Value::Error(crate::ServerError::new(
            "ERR This instance has cluster support disabled",
        ));
        let error = read(&reply).expect_err("an error reply");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains("cluster support is disabled"),
            "{error}"
        );
    }
}
