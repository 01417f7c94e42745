//! Sets.

use bytes::Bytes;

use super::hashes::pick;
use super::lists::count;
use super::{ONE, Reply, Request, Spec, TWO, args, read, reply, write};
use crate::testing::store::Set;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("SADD", -3, ONE, |r| {
        let members = r.args[2..].iter().cloned();
        let added = r.store.edit::<Set, _>(r.key(), |set| {
            members.filter(|member| set.insert(member.clone())).count()
        })?;
        Ok(reply::int(added))
    }),
    write("SREM", -3, ONE, remove),
    read("SMEMBERS", 2, ONE, |r| {
        Ok(reply::set(set(r)?.into_iter().flatten().cloned()))
    }),
    read("SISMEMBER", 3, ONE, |r| {
        Ok(reply::truth(
            set(r)?.is_some_and(|set| set.contains(r.arg(2))),
        ))
    }),
    read("SMISMEMBER", -3, ONE, |r| {
        let set = set(r)?;
        let members = r.args[2..].iter();
        let found = members.map(|member| set.is_some_and(|set| set.contains(member)));
        Ok(Value::Array(found.map(reply::truth).collect()))
    }),
    read("SCARD", 2, ONE, |r| {
        Ok(reply::int(set(r)?.map_or(0, Set::len)))
    }),
    write("SPOP", -2, ONE, pop),
    read("SRANDMEMBER", -2, ONE, random),
    write("SMOVE", 4, TWO, move_one),
];

fn set<'a>(r: &'a Request<'_>) -> Result<Option<&'a Set>, ServerError> {
    r.store.read::<Set>(r.key())
}

fn remove(r: &mut Request<'_>) -> Reply {
    if set(r)?.is_none() {
        return Ok(reply::int(0));
    }
    let members = r.args[2..].iter();
    let removed = r.store.edit::<Set, _>(r.key(), |set| {
        members.filter(|member| set.remove(*member)).count()
    })?;
    Ok(reply::int(removed))
}

fn pop(r: &mut Request<'_>) -> Reply {
    let wanted = match &r.args[2..] {
        [] => None,
        [arg] => Some(count(arg)?),
        _ => return Err(reply::syntax()),
    };
    let members: Vec<Bytes> = set(r)?.into_iter().flatten().cloned().collect();
    let limit = wanted.unwrap_or(1).min(members.len());
    let mut popped = fastrand::choose_multiple(members, limit);
    if !popped.is_empty() {
        r.store
            .edit::<Set, _>(r.key(), |set| set.retain(|member| !popped.contains(member)))?;
    }
    Ok(match wanted {
        None => reply::bulk_or_nil(popped.pop()),
        Some(_) => reply::set(popped),
    })
}

fn random(r: &mut Request<'_>) -> Reply {
    let count = match &r.args[2..] {
        [] => None,
        [count] => Some(args::int(count)?),
        _ => return Err(reply::syntax()),
    };
    let members: Vec<&Bytes> = set(r)?.into_iter().flatten().collect();
    match count {
        Some(_) if members.is_empty() => Ok(Value::Array(Vec::new())),
        Some(count) => Ok(reply::array(pick(&members, count)?.into_iter().cloned())),
        None => Ok(reply::bulk_or_nil(fastrand::choice(members).cloned())),
    }
}

fn move_one(r: &mut Request<'_>) -> Reply {
    let (source, target, member) = (r.key(), r.arg(2), r.arg(3));
    let has_it = set(r)?.map(|set| set.contains(member));
    // Without a source, the target may be of any type.
    if has_it.is_some() {
        r.store.read::<Set>(target)?;
    }
    if has_it != Some(true) {
        return Ok(reply::truth(false));
    }
    if source != target {
        r.store.edit::<Set, _>(source, |set| set.remove(member))?;
        r.store
            .edit::<Set, _>(target, |set| set.insert(member.clone()))?;
    }
    Ok(reply::truth(true))
}
