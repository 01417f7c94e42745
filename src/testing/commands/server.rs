//! The node as such.

use super::{Call, Reply, Spec, node, reply};
use crate::value::Value;

/// The server version it says it is, and behaves as.
pub(super) const VERSION: &str = "7.2.0";

pub(super) const COMMANDS: &[Spec] = &[
    node("INFO", -1, 0, info),
    node("TIME", 1, 0, |call| {
        let now = call.state.clock.now_us();
        Ok(reply::array([
            (now / 1_000_000).to_string(),
            (now % 1_000_000).to_string(),
        ]))
    }),
    node("WAIT", 3, 0, |_| Ok(Value::Integer(0))),
    node("ROLE", 1, 0, role),
    node("COMMAND COUNT", 2, 0, |_| Ok(reply::int(super::count()))),
    node("COMMAND DOCS", -2, 0, |_| Ok(Value::Map(Vec::new()))),
    node("COMMAND", 1, 0, |_| Ok(Value::Array(Vec::new()))),
    node("CONFIG GET", -3, 0, |_| Ok(Value::Map(Vec::new()))),
    node("CONFIG RESETSTAT", 2, 0, |_| Ok(reply::ok())),
];

fn info(call: &mut Call<'_>) -> Reply {
    let state = &*call.state;
    let member = state.topology.member(call.node);
    let primary = state.topology.primary_of(member.shard);
    let replicas = state.topology.replicas_of(member.shard).count();
    let mut text = format!(
        "# Server\r\nredis_version:{VERSION}\r\nredis_mode:cluster\r\nprocess_id:{}\r\nrun_id:{}\r\ntcp_port:{}\r\n\r\n# Clients\r\nconnected_clients:{}\r\n\r\n# Replication\r\n",
        std::process::id(),
        state.nodes[call.node].run_id,
        member.addr.port(),
        state.nodes[call.node].clients.len(),
    );
    match primary {
        Some(primary) if !member.is_primary => {
            let addr = &state.topology.member(primary).addr;
            let link = if state.nodes[primary].is_down {
                "down"
            } else {
                "up"
            };
            text.push_str(&format!(
                "role:slave\r\nmaster_host:{}\r\nmaster_port:{}\r\nmaster_link_status:{link}\r\n",
                addr.host(),
                addr.port(),
            ));
        }
        _ => text.push_str(&format!("role:master\r\nconnected_slaves:{replicas}\r\n")),
    }
    text.push_str("\r\n# Cluster\r\ncluster_enabled:1\r\n\r\n# Keyspace\r\n");
    for (database, store) in state.shards[member.shard].stores.iter().enumerate() {
        if store.len() > 0 {
            let keys = store.len();
            text.push_str(&format!("db{database}:keys={keys},expires=0,avg_ttl=0\r\n"));
        }
    }
    let arrivals = state.shards[member.shard].arrivals;
    if arrivals > 0
        && call
            .args
            .iter()
            .any(|arg| arg.eq_ignore_ascii_case(b"commandstats"))
    {
        text.push_str(&format!(
            "\r\n# Commandstats\r\ncmdstat_restore-asking:calls={arrivals},usec={arrivals}\r\n"
        ));
    }
    Ok(reply::text(text))
}

fn role(call: &mut Call<'_>) -> Reply {
    let topology = &call.state.topology;
    let member = topology.member(call.node);
    let primary = topology.primary_of(member.shard);
    Ok(Value::Array(match primary {
        Some(primary) if !member.is_primary => {
            let addr = &topology.member(primary).addr;
            vec![
                reply::bulk("slave"),
                reply::bulk(addr.host().to_owned()),
                Value::Integer(addr.port().into()),
                reply::bulk("connected"),
                Value::Integer(0),
            ]
        }
        _ => {
            let replicas = topology.replicas_of(member.shard).map(|node| {
                let addr = &topology.member(node).addr;
                let port = addr.port().to_string();
                reply::array([addr.host().to_owned(), port, "0".to_owned()])
            });
            vec![
                reply::bulk("master"),
                Value::Integer(0),
                Value::Array(replicas.collect()),
            ]
        }
    }))
}
