//! Hashes.

use bytes::Bytes;

use super::numbers::{sum, sum_floats};
use super::{ONE, Reply, Request, Spec, args, read, reply, write};
use crate::resp::Version;
use crate::testing::store::Hash;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("HSET", -4, ONE, |r| Ok(reply::int(set(r, "HSET")?))),
    write("HMSET", -4, ONE, |r| {
        set(r, "HMSET")?;
        Ok(reply::ok())
    }),
    write("HSETNX", 4, ONE, setnx),
    read("HGET", 3, ONE, |r| {
        let value = hash(r)?.and_then(|hash| hash.get(r.arg(2)));
        Ok(reply::bulk_or_nil(value.cloned()))
    }),
    read("HMGET", -3, ONE, |r| {
        let hash = hash(r)?;
        let values = r.args[2..].iter().map(|field| hash?.get(field).cloned());
        Ok(Value::Array(values.map(reply::bulk_or_nil).collect()))
    }),
    read("HGETALL", 2, ONE, |r| {
        let pairs = hash(r)?.into_iter().flatten();
        let pairs = pairs.map(|(f, v)| (reply::bulk(f.clone()), reply::bulk(v.clone())));
        Ok(Value::Map(pairs.collect()))
    }),
    read("HKEYS", 2, ONE, |r| {
        Ok(reply::array(
            hash(r)?.into_iter().flat_map(Hash::keys).cloned(),
        ))
    }),
    read("HVALS", 2, ONE, |r| {
        Ok(reply::array(
            hash(r)?.into_iter().flat_map(Hash::values).cloned(),
        ))
    }),
    write("HDEL", -3, ONE, delete),
    read("HEXISTS", 3, ONE, |r| {
        Ok(reply::truth(
            hash(r)?.is_some_and(|hash| hash.contains_key(r.arg(2))),
        ))
    }),
    read("HLEN", 2, ONE, |r| {
        Ok(reply::int(hash(r)?.map_or(0, Hash::len)))
    }),
    read("HSTRLEN", 3, ONE, |r| {
        let value = hash(r)?.and_then(|hash| hash.get(r.arg(2)));
        Ok(reply::int(value.map_or(0, Bytes::len)))
    }),
    write("HINCRBY", 4, ONE, add),
    write("HINCRBYFLOAT", 4, ONE, add_float),
    read("HRANDFIELD", -2, ONE, random),
];

fn hash<'a>(r: &'a Request<'_>) -> Result<Option<&'a Hash>, ServerError> {
    r.store.read::<Hash>(r.key())
}

/// Sets pairs, and returns how many fields are new.
fn set(r: &mut Request<'_>, name: &str) -> Result<usize, ServerError> {
    let pairs = r.args[2..].chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(reply::wrong_arity(name));
    }
    r.store.edit::<Hash, _>(r.key(), |hash| {
        pairs
            .filter(|pair| hash.insert(pair[0].clone(), pair[1].clone()).is_none())
            .count()
    })
}

fn setnx(r: &mut Request<'_>) -> Reply {
    if hash(r)?.is_some_and(|hash| hash.contains_key(r.arg(2))) {
        return Ok(reply::truth(false));
    }
    let (field, value) = (r.arg(2).clone(), r.arg(3).clone());
    r.store
        .edit::<Hash, _>(r.key(), |hash| hash.insert(field, value))?;
    Ok(reply::truth(true))
}

fn delete(r: &mut Request<'_>) -> Reply {
    if hash(r)?.is_none() {
        return Ok(reply::int(0));
    }
    let fields = r.args[2..].iter();
    let count = r.store.edit::<Hash, _>(r.key(), |hash| {
        fields.filter(|field| hash.remove(*field).is_some()).count()
    })?;
    Ok(reply::int(count))
}

fn add(r: &mut Request<'_>) -> Reply {
    let more = r.int(3)?;
    let old = match hash(r)?.and_then(|hash| hash.get(r.arg(2))) {
        Some(old) => {
            args::parse_int(old).ok_or_else(|| reply::error("ERR hash value is not an integer"))?
        }
        None => 0,
    };
    let new = sum(old, more)?;
    put(r, new.to_string())?;
    Ok(Value::Integer(new))
}

fn add_float(r: &mut Request<'_>) -> Reply {
    args::float(r.arg(3))?;
    let old = hash(r)?.and_then(|hash| hash.get(r.arg(2)));
    let old = old.map_or(&b"0"[..], |old| old);
    let new = sum_floats(old, r.arg(3), "ERR hash value is not a float")?;
    put(r, new.clone())?;
    Ok(reply::bulk(new))
}

fn put(r: &mut Request<'_>, value: String) -> Result<(), ServerError> {
    let field = r.arg(2).clone();
    r.store.edit::<Hash, _>(r.key(), |hash| {
        hash.insert(field, value.into());
    })
}

fn random(r: &mut Request<'_>) -> Reply {
    let with_values = match &r.args[2..] {
        [] | [_] => false,
        [_, option] if args::is(option, "WITHVALUES") => true,
        _ => return Err(reply::syntax()),
    };
    let count = r.args.get(2).map(|count| args::int(count)).transpose()?;
    let Some(hash) = hash(r)? else {
        return Ok(count.map_or(Value::Nil, |_| Value::Array(Vec::new())));
    };
    let pairs: Vec<(&Bytes, &Bytes)> = hash.iter().collect();
    let Some(count) = count else {
        let pick = pairs[fastrand::usize(..pairs.len())];
        return Ok(reply::bulk(pick.0.clone()));
    };
    let picked = pick(&pairs, count)?.into_iter();
    if !with_values {
        return Ok(reply::array(picked.map(|(field, _)| field.clone())));
    }
    let pairs = picked.map(|(field, value)| [field, value].map(|b| reply::bulk(b.clone())));
    Ok(Value::Array(match r.version {
        Version::Resp2 => pairs.flatten().collect(),
        Version::Resp3 => pairs.map(|pair| Value::Array(pair.into())).collect(),
    }))
}

/// So many of the items, at random: different ones, or if `count` is negative so many whatever they are.
pub(super) fn pick<T: Copy>(items: &[T], count: i64) -> Result<Vec<T>, ServerError> {
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        return Ok(fastrand::choose_multiple(
            items.iter().copied(),
            wanted.min(items.len()),
        ));
    }
    if wanted > MAX_PICKED {
        return Err(reply::error("ERR value is out of range"));
    }
    let picked = (0..wanted).map(|_| items[fastrand::usize(..items.len())]);
    Ok(picked.collect())
}

/// How many random elements may be asked for with repetitions; servers allow more than fits any memory.
const MAX_PICKED: usize = 1 << 20;
