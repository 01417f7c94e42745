//! Strings.

use bytes::{Bytes, BytesMut};

use super::expiry::{Moment, moment};
use super::{ALL, ONE, PAIRS, Reply, Request, Spec, args, read, reply, write};
use crate::testing::store::Data;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    read("GET", 2, ONE, |r| {
        Ok(reply::bulk_or_nil(r.store.read::<Bytes>(r.key())?.cloned()))
    }),
    write("SET", -3, ONE, set),
    write("SETNX", 3, ONE, setnx),
    write("SETEX", 4, ONE, |r| {
        set_with(r, "SETEX", Moment::SecondsFromNow)
    }),
    write("PSETEX", 4, ONE, |r| {
        set_with(r, "PSETEX", Moment::MillisFromNow)
    }),
    write("GETSET", 3, ONE, getset),
    write("GETDEL", 2, ONE, getdel),
    write("GETEX", -2, ONE, getex),
    read("MGET", -2, ALL, mget),
    write("MSET", -3, PAIRS, |r| {
        set_pairs(r, "MSET")?;
        Ok(reply::ok())
    }),
    write("MSETNX", -3, PAIRS, msetnx),
    write("APPEND", 3, ONE, append),
    read("STRLEN", 2, ONE, |r| {
        Ok(reply::int(
            r.store.read::<Bytes>(r.key())?.map_or(0, Bytes::len),
        ))
    }),
    read("GETRANGE", 4, ONE, getrange),
    read("SUBSTR", 4, ONE, getrange),
    write("SETRANGE", 4, ONE, setrange),
];

/// The longest string there may be, in bytes.
const MAX_LEN: usize = 512 * 1024 * 1024;

/// When a key is to expire after a command that may set it.
#[derive(Clone, Copy, PartialEq)]
enum Expiry {
    Unset,
    Keep,
    At(u64),
    Persist,
}

fn set(r: &mut Request<'_>) -> Reply {
    let (mut only_new, mut only_old, mut get) = (false, false, false);
    let mut expiry = Expiry::Unset;
    let mut rest = &r.args[3..];
    while let [option, tail @ ..] = rest {
        rest = tail;
        match &*args::upper(option) {
            "NX" if !only_old => only_new = true,
            "XX" if !only_new => only_old = true,
            "GET" => get = true,
            "KEEPTTL" if expiry == Expiry::Unset => expiry = Expiry::Keep,
            unit => match (Moment::of_option(unit), tail) {
                (Some(unit), [time, tail @ ..]) if expiry == Expiry::Unset => {
                    expiry = Expiry::At(moment(time, unit, r.now_ms, "set")?);
                    rest = tail;
                }
                _ => return Err(reply::syntax()),
            },
        }
    }
    let key = r.key();
    let old = if get {
        r.store.read::<Bytes>(key)?.cloned()
    } else {
        None
    };
    let exists = r.store.contains(key);
    if (only_new && exists) || (only_old && !exists) {
        return Ok(if get {
            reply::bulk_or_nil(old)
        } else {
            Value::Nil
        });
    }
    let expires_at = match expiry {
        Expiry::At(at) => Some(at),
        Expiry::Keep => r.store.entry(key).and_then(|entry| entry.expires_at),
        Expiry::Unset | Expiry::Persist => None,
    };
    r.store
        .insert(key, Data::String(r.arg(2).clone()), expires_at);
    Ok(if get {
        reply::bulk_or_nil(old)
    } else {
        reply::ok()
    })
}

fn setnx(r: &mut Request<'_>) -> Reply {
    let is_new = !r.store.contains(r.key());
    if is_new {
        r.store
            .insert(r.key(), Data::String(r.arg(2).clone()), None);
    }
    Ok(reply::truth(is_new))
}

fn set_with(r: &mut Request<'_>, name: &str, unit: Moment) -> Reply {
    let at = moment(r.arg(2), unit, r.now_ms, &name.to_ascii_lowercase())?;
    r.store
        .insert(r.key(), Data::String(r.arg(3).clone()), Some(at));
    Ok(reply::ok())
}

fn getset(r: &mut Request<'_>) -> Reply {
    let old = r.store.read::<Bytes>(r.key())?.cloned();
    r.store
        .insert(r.key(), Data::String(r.arg(2).clone()), None);
    Ok(reply::bulk_or_nil(old))
}

fn getdel(r: &mut Request<'_>) -> Reply {
    let old = r.store.read::<Bytes>(r.key())?.cloned();
    r.store.remove(r.key());
    Ok(reply::bulk_or_nil(old))
}

fn getex(r: &mut Request<'_>) -> Reply {
    let expiry = match &r.args[2..] {
        [] => Expiry::Unset,
        [option] if args::is(option, "PERSIST") => Expiry::Persist,
        [unit, time] => match Moment::of_option(&args::upper(unit)) {
            Some(unit) => Expiry::At(moment(time, unit, r.now_ms, "getex")?),
            None => return Err(reply::syntax()),
        },
        _ => return Err(reply::syntax()),
    };
    let value = r.store.read::<Bytes>(r.key())?.cloned();
    match expiry {
        Expiry::At(at) => r.store.set_expiry(r.key(), Some(at)),
        Expiry::Persist => r.store.set_expiry(r.key(), None),
        Expiry::Unset | Expiry::Keep => {}
    }
    Ok(reply::bulk_or_nil(value))
}

fn mget(r: &mut Request<'_>) -> Reply {
    let values = r.args[1..].iter().map(|key| {
        // A key of another type is nil here, not an error.
        let value = r.store.read::<Bytes>(key).ok().flatten();
        reply::bulk_or_nil(value.cloned())
    });
    Ok(Value::Array(values.collect()))
}

fn set_pairs(r: &mut Request<'_>, name: &str) -> Result<(), ServerError> {
    let pairs = r.args[1..].chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(reply::wrong_arity(name));
    }
    for pair in pairs {
        r.store
            .insert(&pair[0], Data::String(pair[1].clone()), None);
    }
    Ok(())
}

fn msetnx(r: &mut Request<'_>) -> Reply {
    if r.args.len().is_multiple_of(2) {
        return Err(reply::wrong_arity("MSETNX"));
    }
    let mut keys = r.args[1..].iter().step_by(2);
    if keys.any(|key| r.store.contains(key)) {
        return Ok(reply::truth(false));
    }
    set_pairs(r, "MSETNX")?;
    Ok(reply::truth(true))
}

fn append(r: &mut Request<'_>) -> Reply {
    let more = r.arg(2);
    let old_len = r.store.read::<Bytes>(r.key())?.map_or(0, Bytes::len);
    check_len(old_len.saturating_add(more.len()))?;
    let len = r.store.edit::<Bytes, _>(r.key(), |value| {
        *value = [&value[..], &more[..]].concat().into();
        value.len()
    })?;
    Ok(reply::int(len))
}

fn getrange(r: &mut Request<'_>) -> Reply {
    let (start, end) = (r.int(2)?, r.int(3)?);
    let Some(value) = r.store.read::<Bytes>(r.key())? else {
        return Ok(reply::bulk(""));
    };
    // Both from the end, and in the wrong order: nothing, even where clamping would make it a range.
    if start < 0 && end < 0 && start > end {
        return Ok(reply::bulk(""));
    }
    let len = value.len() as i64;
    let end = if end < 0 {
        (end.saturating_add(len)).max(0)
    } else {
        end
    };
    Ok(reply::bulk(value.slice(args::range(
        start,
        end,
        value.len(),
    ))))
}

fn setrange(r: &mut Request<'_>) -> Reply {
    let offset = r.int(2)?;
    let offset = usize::try_from(offset).map_err(|_| reply::error("ERR offset is out of range"))?;
    let patch = r.arg(3);
    let old_len = r.store.read::<Bytes>(r.key())?.map_or(0, Bytes::len);
    if patch.is_empty() {
        return Ok(reply::int(old_len));
    }
    let end = offset.saturating_add(patch.len());
    check_len(end)?;
    let len = r.store.edit::<Bytes, _>(r.key(), |value| {
        let mut bytes = BytesMut::from(&value[..]);
        bytes.resize(old_len.max(end), 0);
        bytes[offset..end].copy_from_slice(patch);
        *value = bytes.freeze();
        value.len()
    })?;
    Ok(reply::int(len))
}

fn check_len(len: usize) -> Result<(), ServerError> {
    if len > MAX_LEN {
        return Err(reply::error(
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ));
    }
    Ok(())
}
