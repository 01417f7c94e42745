//! `CLIENT`.

use std::fmt::Write as _;

use bytes::Bytes;

use super::connection::is_printable;
use super::{Call, Reply, Spec, args, node, reply};
use crate::resp::Version;
use crate::testing::client::Client;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    node("CLIENT ID", 2, 0, |call| {
        Ok(Value::Integer(call.client as i64))
    }),
    node("CLIENT SETNAME", 3, 0, set_name),
    node("CLIENT GETNAME", 2, 0, get_name),
    node("CLIENT SETINFO", 4, 0, set_info),
    node("CLIENT INFO", 2, 0, info),
    node("CLIENT LIST", -2, 0, list),
    node("CLIENT KILL", -3, 0, kill),
    node("CLIENT UNBLOCK", -3, 0, unblock),
    node("CLIENT NO-EVICT", 3, 0, on_or_off),
    node("CLIENT NO-TOUCH", 3, 0, on_or_off),
];

pub(super) fn check_name(name: &Bytes) -> Result<(), ServerError> {
    if is_printable(name) {
        return Ok(());
    }
    Err(reply::error(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

fn set_name(call: &mut Call<'_>) -> Reply {
    let name = call.args[2].clone();
    check_name(&name)?;
    if let Some(client) = call.client() {
        client.name = name;
    }
    Ok(reply::ok())
}

fn get_name(call: &mut Call<'_>) -> Reply {
    let name = call.client().map(|client| client.name.clone());
    Ok(reply::bulk_or_nil(name.filter(|name| !name.is_empty())))
}

fn set_info(call: &mut Call<'_>) -> Reply {
    let (attribute, value) = (&call.args[2], call.args[3].clone());
    let is_name = args::is(attribute, "LIB-NAME");
    if !is_name && !args::is(attribute, "LIB-VER") {
        return Err(reply::error(format!(
            "ERR Unrecognized option '{}'",
            reply::lossy(attribute, 128)
        )));
    }
    if !is_printable(&value) {
        return Err(reply::error(format!(
            "ERR {} cannot contain spaces, newlines or special characters.",
            String::from_utf8_lossy(attribute)
        )));
    }
    if let Some(client) = call.client() {
        if is_name {
            client.lib_name = value;
        } else {
            client.lib_version = value;
        }
    }
    Ok(reply::ok())
}

fn info(call: &mut Call<'_>) -> Reply {
    let laddr = call.state.topology.member(call.node).addr.to_string();
    let line = call.client().map(|client| line(client, &laddr));
    Ok(reply::text(line.unwrap_or_default()))
}

fn list(call: &mut Call<'_>) -> Reply {
    let laddr = call.state.topology.member(call.node).addr.to_string();
    let clients = call.state.nodes[call.node].clients.values();
    let lines = match call.args {
        [_, _] => clients.map(|client| line(client, &laddr)).collect(),
        [_, _, option, _] if args::is(option, "TYPE") => {
            clients.map(|client| line(client, &laddr)).collect()
        }
        [_, _, option, ids @ ..] if args::is(option, "ID") && !ids.is_empty() => {
            let ids: Result<Vec<i64>, _> = ids.iter().map(|id| args::int(id)).collect();
            let ids = ids.map_err(|_| reply::error("ERR Invalid client ID"))?;
            let wanted = clients.filter(|client| ids.contains(&(client.id as i64)));
            wanted.map(|client| line(client, &laddr)).collect()
        }
        _ => return Err(reply::syntax()),
    };
    Ok(reply::text(lines))
}

fn line(client: &Client, laddr: &str) -> String {
    let mut line = String::new();
    let flags = if client.transaction.is_some() {
        "x"
    } else {
        "N"
    };
    let resp = match client.version {
        Version::Resp2 => 2,
        Version::Resp3 => 3,
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        line,
        "id={} addr={} laddr={laddr} fd=8 name={} age={} idle=0 flags={flags} db=0 sub=0 psub=0 ssub=0 multi={} cmd={} user={} redir=-1 resp={resp} lib-name={} lib-ver={}",
        client.id,
        client.peer,
        String::from_utf8_lossy(&client.name),
        client.since.elapsed().as_secs(),
        client
            .transaction
            .as_ref()
            .map_or(-1, |t| t.commands.len() as i64),
        client.last_command.to_ascii_lowercase().replace(' ', "|"),
        client.user.as_deref().unwrap_or("(superuser)"),
        String::from_utf8_lossy(&client.lib_name),
        String::from_utf8_lossy(&client.lib_version),
    );
    line
}

fn kill(call: &mut Call<'_>) -> Reply {
    let me = call.client;
    let clients = call.state.nodes[call.node].clients.values();
    let (victims, is_old_form): (Vec<u64>, bool) = match call.args {
        [_, _, addr] => {
            let found = clients.filter(|client| client.peer.as_bytes() == addr);
            (found.map(|client| client.id).collect(), true)
        }
        [_, _, filters @ ..] if filters.len() % 2 == 0 => {
            let mut skip_me = true;
            let mut wanted: Vec<&Client> = clients.collect();
            for filter in filters.chunks_exact(2) {
                let value = &filter[1];
                match &*args::upper(&filter[0]) {
                    "ID" => {
                        let id = args::parse_int(value).filter(|id| *id > 0);
                        let id = id.ok_or_else(|| {
                            reply::error("ERR client-id should be greater than 0")
                        })?;
                        wanted.retain(|client| client.id as i64 == id);
                    }
                    "ADDR" => wanted.retain(|client| client.peer.as_bytes() == value),
                    "USER" => wanted.retain(|client| {
                        client
                            .user
                            .as_ref()
                            .is_some_and(|user| user.as_bytes() == value)
                    }),
                    "TYPE" if args::is(value, "normal") => {}
                    "TYPE" => wanted.clear(),
                    "SKIPME" if args::is(value, "yes") => skip_me = true,
                    "SKIPME" if args::is(value, "no") => skip_me = false,
                    _ => return Err(reply::syntax()),
                }
            }
            wanted.retain(|client| !skip_me || client.id != me);
            (wanted.iter().map(|client| client.id).collect(), false)
        }
        _ => return Err(reply::syntax()),
    };
    if is_old_form && victims.is_empty() {
        return Err(reply::error("ERR No such client"));
    }
    let count = victims.len();
    for victim in victims {
        if victim == me {
            // It is to read this command's reply yet.
            if let Some(client) = call.state.nodes[call.node].clients.remove(&me) {
                client.spare();
            }
        } else {
            call.state.dismiss(call.node, victim);
        }
    }
    Ok(if is_old_form {
        reply::ok()
    } else {
        reply::int(count)
    })
}

fn unblock(call: &mut Call<'_>) -> Reply {
    let id = args::int(&call.args[2])?;
    let value = match call.args.get(3).map(|arg| args::upper(arg)).as_deref() {
        None | Some("TIMEOUT") => Value::Nil,
        Some("ERROR") => Value::Error(reply::error(
            "UNBLOCKED client unblocked via CLIENT UNBLOCK",
        )),
        Some(_) => {
            return Err(reply::error(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
    };
    let node = call.node;
    for shard in &mut call.state.shards {
        let blocked = shard.blocked.iter();
        let found = blocked.enumerate().find_map(|(position, blocked)| {
            (blocked.node == node && blocked.client as i64 == id).then_some(position)
        });
        if let Some(position) = found {
            let blocked = shard.blocked.remove(position);
            // The client may have left just now.
            let _ = blocked.reply.send(value);
            return Ok(reply::truth(true));
        }
    }
    Ok(reply::truth(false))
}

fn on_or_off(call: &mut Call<'_>) -> Reply {
    match &*args::upper(&call.args[2]) {
        "ON" | "OFF" => Ok(reply::ok()),
        _ => Err(reply::syntax()),
    }
}
