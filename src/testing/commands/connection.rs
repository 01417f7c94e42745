//! The connection's own commands: handshake, ping, mode.

use bytes::Bytes;

use super::{Call, NO_AUTH, NO_KEY, NO_QUEUE, RESP3, Reply, Run, Spec, args, node, reply, spec};
use crate::resp::Version;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    node("HELLO", -1, NO_AUTH | NO_QUEUE | RESP3, hello),
    node("AUTH", -2, NO_AUTH, auth),
    node("RESET", 1, NO_AUTH | NO_QUEUE, reset),
    node("PING", -1, 0, ping),
    node("ECHO", 2, 0, |call| Ok(reply::bulk(call.args[1].clone()))),
    node("SELECT", 2, 0, select),
    node("READONLY", 1, 0, |call| set_readonly(call, true)),
    node("READWRITE", 1, 0, |call| set_readonly(call, false)),
    node("ASKING", 1, 0, asking),
    spec("QUIT", -1, NO_KEY, NO_AUTH | NO_QUEUE, Run::Quit),
];

fn hello(call: &mut Call<'_>) -> Reply {
    let args = call.args;
    let version = match args.get(1).map(|arg| args::parse_int(arg)) {
        None => None,
        Some(Some(2)) => Some(Version::Resp2),
        Some(Some(3)) => Some(Version::Resp3),
        Some(None) => {
            return Err(reply::error(
                "ERR Protocol version is not an integer or out of range",
            ));
        }
        Some(Some(_)) => return Err(reply::error("NOPROTO unsupported protocol version")),
    };
    let mut credentials = None;
    let mut name = None;
    let mut rest = args.get(2..).unwrap_or_default();
    loop {
        rest = match rest {
            [] => break,
            [option, user, password, rest @ ..] if args::is(option, "AUTH") => {
                credentials = Some((user, password));
                rest
            }
            [option, value, rest @ ..] if args::is(option, "SETNAME") => {
                super::client::check_name(value)?;
                name = Some(value.clone());
                rest
            }
            [option, ..] => {
                return Err(reply::error(format!(
                    "ERR Syntax error in HELLO option '{}'",
                    reply::lossy(option, 128)
                )));
            }
        };
    }
    if let Some((user, password)) = credentials {
        authenticate(call, user, password)?;
    }
    let role = if call.state.topology.member(call.node).is_primary {
        "master"
    } else {
        "replica"
    };
    let Some(client) = call.client() else {
        return Ok(reply::ok());
    };
    if client.user.is_none() {
        return Err(reply::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        client.name = name;
    }
    if let Some(version) = version {
        client.version = version;
    }
    let proto = match client.version {
        Version::Resp2 => 2,
        Version::Resp3 => 3,
    };
    let facts = [
        ("server", reply::bulk("redis")),
        ("version", reply::bulk(super::server::VERSION)),
        ("proto", Value::Integer(proto)),
        ("id", Value::Integer(client.id as i64)),
        ("mode", reply::bulk("cluster")),
        ("role", reply::bulk(role)),
        ("modules", Value::Array(Vec::new())),
    ];
    let facts = facts.into_iter();
    Ok(Value::Map(
        facts
            .map(|(name, fact)| (reply::bulk(name), fact))
            .collect(),
    ))
}

fn auth(call: &mut Call<'_>) -> Reply {
    match call.args {
        [_, password] => {
            if !call.state.config.users.contains_key("default")
                && call.state.config.users.is_empty()
            {
                return Err(reply::error(
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
                ));
            }
            authenticate(call, b"default", password)?;
        }
        [_, user, password] => authenticate(call, user, password)?,
        _ => return Err(reply::syntax()),
    }
    Ok(reply::ok())
}

fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Result<(), ServerError> {
    let user = String::from_utf8_lossy(user).into_owned();
    let users = &call.state.config.users;
    let is_right = match users.get(&user) {
        Some(right) => right.as_bytes() == password,
        // Without any credentials, the default user has no password, and takes every one.
        None => users.is_empty() && user == "default",
    };
    if !is_right {
        return Err(reply::error(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ));
    }
    if let Some(client) = call.client() {
        client.user = Some(user);
    }
    Ok(())
}

fn reset(call: &mut Call<'_>) -> Reply {
    let is_authenticated = call.state.config.users.is_empty();
    if let Some(client) = call.client() {
        client.reset(is_authenticated);
    }
    Ok(reply::simple("RESET"))
}

fn ping(call: &mut Call<'_>) -> Reply {
    match call.args {
        [_] => Ok(reply::simple("PONG")),
        [_, text] => Ok(reply::bulk(text.clone())),
        _ => Err(reply::wrong_arity("PING")),
    }
}

fn select(call: &mut Call<'_>) -> Reply {
    let number = args::int(&call.args[1])?;
    let databases = call.state.config.databases.max(1);
    match usize::try_from(number) {
        Ok(number) if number < databases => {
            if let Some(client) = call.client() {
                client.database = number;
            }
            Ok(reply::ok())
        }
        _ if databases == 1 => Err(reply::error("ERR SELECT is not allowed in cluster mode")),
        _ => Err(reply::error("ERR DB index is out of range")),
    }
}

fn set_readonly(call: &mut Call<'_>, is_readonly: bool) -> Reply {
    if let Some(client) = call.client() {
        client.is_readonly = is_readonly;
    }
    Ok(reply::ok())
}

fn asking(call: &mut Call<'_>) -> Reply {
    if let Some(client) = call.client() {
        client.is_asking = true;
    }
    Ok(reply::ok())
}

/// What a name of a client must be.
pub(super) fn is_printable(name: &Bytes) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
