//! `CLUSTER`.

use std::fmt::Write as _;

use super::{Call, Reply, Spec, args, node, reply};
use crate::command::Slot;
use crate::testing::builder::Endpoint;
use crate::testing::topology::Member;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    node("CLUSTER SLOTS", 2, 0, slots),
    node("CLUSTER SHARDS", 2, 0, shards),
    node("CLUSTER NODES", 2, 0, nodes),
    node("CLUSTER INFO", 2, 0, info),
    node("CLUSTER MYID", 2, 0, |call| {
        Ok(reply::bulk(
            call.state.topology.member(call.node).id.clone(),
        ))
    }),
    node("CLUSTER KEYSLOT", 3, 0, |call| {
        Ok(Value::Integer(Slot::of(&call.args[2]).number().into()))
    }),
    node("CLUSTER COUNTKEYSINSLOT", 3, 0, count_keys),
    node("CLUSTER GETKEYSINSLOT", 4, 0, keys),
];

fn slots(call: &mut Call<'_>) -> Reply {
    let topology = &call.state.topology;
    let ranges = topology.ranges().into_iter().map(|range| {
        let primary = topology.primary_of(range.shard);
        let replicas = topology.replicas_of(range.shard);
        let available = replicas.filter(|node| !call.state.nodes[*node].is_down);
        let nodes = primary.into_iter().chain(available);
        let bounds = [range.first, range.last].map(|slot| Value::Integer(slot.into()));
        let nodes = nodes.map(|node| endpoint(call, topology.member(node)));
        Value::Array(bounds.into_iter().chain(nodes).collect())
    });
    Ok(Value::Array(ranges.collect()))
}

/// A node in `CLUSTER SLOTS`: preferred endpoint, port, id, and what else is known of where it is.
fn endpoint(call: &Call<'_>, member: &Member) -> Value {
    let ip = reply::bulk(member.addr.host().to_owned());
    let (endpoint, metadata) = match &call.state.config.endpoint {
        Endpoint::Ip => (ip, Vec::new()),
        Endpoint::Hostname(host) => (reply::bulk(host.clone()), vec![(reply::bulk("ip"), ip)]),
        Endpoint::Unknown => (Value::Nil, vec![(reply::bulk("ip"), ip)]),
    };
    Value::Array(vec![
        endpoint,
        Value::Integer(member.addr.port().into()),
        reply::bulk(member.id.clone()),
        Value::Map(metadata),
    ])
}

fn shards(call: &mut Call<'_>) -> Reply {
    let state = &*call.state;
    let shards = state.topology.shards().into_iter().map(|shard| {
        let ranges = state.topology.ranges_of(shard).into_iter();
        let slots = ranges.flat_map(|range| [range.first, range.last]);
        let slots = slots.map(|slot| Value::Integer(slot.into())).collect();
        let members = state.topology.members();
        let nodes = members
            .filter(|(_, member)| member.shard == shard)
            .map(|(index, member)| {
                let (endpoint, hostname) = match &state.config.endpoint {
                    Endpoint::Ip => (member.addr.host(), ""),
                    Endpoint::Hostname(host) => (&**host, &**host),
                    Endpoint::Unknown => ("?", ""),
                };
                let health = if state.nodes[index].is_down {
                    "fail"
                } else {
                    "online"
                };
                let role = if member.is_primary {
                    "master"
                } else {
                    "replica"
                };
                let mut facts = vec![
                    ("id", reply::bulk(member.id.clone())),
                    ("port", Value::Integer(member.addr.port().into())),
                    ("ip", reply::bulk(member.addr.host().to_owned())),
                    ("endpoint", reply::bulk(endpoint.to_owned())),
                ];
                if !hostname.is_empty() {
                    facts.push(("hostname", reply::bulk(hostname.to_owned())));
                }
                facts.extend([
                    ("role", reply::bulk(role)),
                    ("replication-offset", Value::Integer(0)),
                    ("health", reply::bulk(health)),
                ]);
                facts_map(facts)
            });
        facts_map(vec![
            ("slots", Value::Array(slots)),
            ("nodes", Value::Array(nodes.collect())),
        ])
    });
    Ok(Value::Array(shards.collect()))
}

fn facts_map(facts: Vec<(&'static str, Value)>) -> Value {
    let facts = facts.into_iter();
    Value::Map(
        facts
            .map(|(name, fact)| (reply::bulk(name), fact))
            .collect(),
    )
}

fn nodes(call: &mut Call<'_>) -> Reply {
    let state = &*call.state;
    let mut text = String::new();
    for (index, member) in state.topology.members() {
        let primary = state.topology.primary_of(member.shard);
        let port = member.addr.port();
        let hostname = match &state.config.endpoint {
            Endpoint::Hostname(host) => format!(",{host}"),
            _ => String::new(),
        };
        // The bus port is told as servers do, and nobody listens there.
        let bus = u32::from(port) + 10_000;
        let myself = if index == call.node { "myself," } else { "" };
        let role = if member.is_primary { "master" } else { "slave" };
        let is_down = state.nodes[index].is_down;
        let fail = if is_down { ",fail" } else { "" };
        let link = if is_down { "disconnected" } else { "connected" };
        let primary_id = match primary {
            Some(primary) if !member.is_primary => &*state.topology.member(primary).id,
            _ => "-",
        };
        let epoch = state.topology.epoch_of(member.shard);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{} {}:{port}@{bus}{hostname} {myself}{role}{fail} {primary_id} 0 0 {epoch} {link}",
            member.id,
            member.addr.host(),
        );
        if member.is_primary {
            for range in state.topology.ranges_of(member.shard) {
                let _ = if range.first == range.last {
                    write!(text, " {}", range.first)
                } else {
                    write!(text, " {}-{}", range.first, range.last)
                };
            }
        }
        if index == call.node && member.is_primary {
            text.push_str(&migrations(call, member.shard));
        }
        text.push('\n');
    }
    Ok(reply::text(text))
}

/// The slots that come to and go from a shard, which only its own primary tells.
fn migrations(call: &Call<'_>, shard: usize) -> String {
    let topology = &call.state.topology;
    let id_of = |shard| {
        let primary = topology.primary_of(shard)?;
        Some(topology.member(primary).id.clone())
    };
    let mut text = String::new();
    for (number, target) in topology.migrations() {
        let owner = Slot::new(number).and_then(|slot| topology.owner(slot));
        let Some(owner) = owner else { continue };
        let mark = if owner == shard {
            id_of(target).map(|id| format!(" [{number}->-{id}]"))
        } else if target == shard {
            id_of(owner).map(|id| format!(" [{number}-<-{id}]"))
        } else {
            None
        };
        text.push_str(&mark.unwrap_or_default());
    }
    text
}

fn info(call: &mut Call<'_>) -> Reply {
    let topology = &call.state.topology;
    let ranges = topology.ranges();
    let slots: u32 = ranges.iter().map(|r| u32::from(r.last - r.first) + 1).sum();
    let is_complete = slots == u32::from(Slot::COUNT);
    let mut with_slots = topology.shards();
    with_slots.retain(|shard| ranges.iter().any(|range| range.shard == *shard));
    let epoch = topology.epoch();
    let own_epoch = topology.epoch_of(topology.member(call.node).shard);
    Ok(reply::text(format!(
        "cluster_state:{}\r\ncluster_slots_assigned:{slots}\r\ncluster_slots_ok:{slots}\r\ncluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:{}\r\ncluster_size:{}\r\ncluster_current_epoch:{epoch}\r\ncluster_my_epoch:{own_epoch}\r\n",
        if is_complete { "ok" } else { "fail" },
        topology.members().count(),
        with_slots.len(),
    )))
}

fn slot(arg: &[u8], error: &'static str) -> Result<Slot, ServerError> {
    let number = u16::try_from(args::int(arg)?).ok();
    number
        .and_then(Slot::new)
        .ok_or_else(|| reply::error(error))
}

fn count_keys(call: &mut Call<'_>) -> Reply {
    let slot = slot(&call.args[2], "ERR Invalid slot")?;
    let request = call.state.request(call.node, call.client, call.args);
    Ok(reply::int(request.store.keys_in(slot).count()))
}

fn keys(call: &mut Call<'_>) -> Reply {
    const INVALID: &str = "ERR Invalid slot or number of keys";
    let slot = slot(&call.args[2], INVALID)?;
    let count = usize::try_from(args::int(&call.args[3])?);
    let count = count.map_err(|_| reply::error(INVALID))?;
    let request = call.state.request(call.node, call.client, call.args);
    Ok(reply::array(
        request.store.keys_in(slot).take(count).cloned(),
    ))
}
