//! Keys, whatever is in them.

use bytes::Bytes;

use super::{
    ALL, Call, NO_KEY, ONE, Reply, Request, Run, Spec, TWO, WRITE, args, read, reply, spec, write,
};
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("DEL", -2, ALL, remove),
    write("UNLINK", -2, ALL, remove),
    read("EXISTS", -2, ALL, count),
    read("TOUCH", -2, ALL, count),
    read("TYPE", 2, ONE, |r| {
        let entry = r.store.entry(r.key());
        Ok(reply::simple(
            entry.map_or("none", |entry| entry.data.type_name()),
        ))
    }),
    write("RENAME", 3, TWO, rename),
    write("RENAMENX", 3, TWO, renamenx),
    write("COPY", -3, TWO, copy),
    read("DBSIZE", 1, NO_KEY, |r| Ok(reply::int(r.store.len()))),
    read("RANDOMKEY", 1, NO_KEY, |r| {
        let skip = fastrand::usize(..r.store.len().max(1));
        Ok(reply::bulk_or_nil(r.store.keys().nth(skip).cloned()))
    }),
    spec("FLUSHALL", -1, NO_KEY, WRITE, Run::Node(flush_all)),
    write("FLUSHDB", -1, NO_KEY, flush),
];

fn remove(r: &mut Request<'_>) -> Reply {
    let keys = r.args[1..].iter();
    let removed = keys.filter(|key| r.store.remove(key).is_some());
    Ok(reply::int(removed.count()))
}

fn count(r: &mut Request<'_>) -> Reply {
    let keys = r.args[1..].iter();
    Ok(reply::int(keys.filter(|key| r.store.contains(key)).count()))
}

fn rename(r: &mut Request<'_>) -> Reply {
    let entry = r.store.remove(r.key()).ok_or_else(reply::no_such_key)?;
    r.store.restore(r.arg(2), entry);
    Ok(reply::ok())
}

fn renamenx(r: &mut Request<'_>) -> Reply {
    if !r.store.contains(r.key()) {
        return Err(reply::no_such_key());
    }
    if r.store.contains(r.arg(2)) {
        return Ok(reply::truth(false));
    }
    rename(r)?;
    Ok(reply::truth(true))
}

fn copy(r: &mut Request<'_>) -> Reply {
    let mut replace = false;
    let mut rest = &r.args[3..];
    loop {
        rest = match rest {
            [] => break,
            [option, rest @ ..] if args::is(option, "REPLACE") => {
                replace = true;
                rest
            }
            [option, db, rest @ ..] if args::is(option, "DB") => {
                if args::int(db)? != 0 {
                    return Err(reply::error("ERR DB index is out of range"));
                }
                rest
            }
            _ => return Err(reply::syntax()),
        };
    }
    if r.key() == r.arg(2) {
        return Err(reply::error(
            "ERR source and destination objects are the same",
        ));
    }
    let Some(entry) = r.store.entry(r.key()).cloned() else {
        return Ok(Value::Integer(0));
    };
    if r.store.contains(r.arg(2)) && !replace {
        return Ok(Value::Integer(0));
    }
    r.store.restore(r.arg(2), entry);
    Ok(Value::Integer(1))
}

fn flush(r: &mut Request<'_>) -> Reply {
    check_mode(r.args)?;
    r.store.clear();
    Ok(reply::ok())
}

fn flush_all(call: &mut Call<'_>) -> Reply {
    check_mode(call.args)?;
    let shard = call.state.topology.member(call.node).shard;
    for store in &mut call.state.shards[shard].stores {
        store.clear();
    }
    Ok(reply::ok())
}

fn check_mode(args: &[Bytes]) -> Result<(), ServerError> {
    match &args[1..] {
        [] => Ok(()),
        [mode] if args::is(mode, "ASYNC") || args::is(mode, "SYNC") => Ok(()),
        _ => Err(reply::syntax()),
    }
}
