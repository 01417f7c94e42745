//! Intersection, union and difference of sets.

use bytes::Bytes;

use super::{ALL, Reply, Request, Spec, read, reply, write};
use crate::testing::store::Set;
use crate::value::ServerError;

pub(super) const COMMANDS: &[Spec] = &[
    read("SINTER", -2, ALL, |r| show(r, inter)),
    read("SUNION", -2, ALL, |r| show(r, union)),
    read("SDIFF", -2, ALL, |r| show(r, diff)),
    write("SINTERSTORE", -3, ALL, |r| store(r, inter)),
    write("SUNIONSTORE", -3, ALL, |r| store(r, union)),
    write("SDIFFSTORE", -3, ALL, |r| store(r, diff)),
];

type Operation = fn(Set, &Set) -> Set;

fn inter(mut left: Set, right: &Set) -> Set {
    left.retain(|member| right.contains(member));
    left
}

fn union(mut left: Set, right: &Set) -> Set {
    left.extend(right.iter().cloned());
    left
}

fn diff(mut left: Set, right: &Set) -> Set {
    left.retain(|member| !right.contains(member));
    left
}

fn combine(r: &Request<'_>, keys: &[Bytes], operation: Operation) -> Result<Set, ServerError> {
    let nothing = Set::new();
    let mut sets = Vec::with_capacity(keys.len());
    for key in keys {
        sets.push(r.store.read::<Set>(key)?.unwrap_or(&nothing));
    }
    let first = sets
        .first()
        .map_or_else(Set::new, |first| Set::clone(first));
    Ok(sets.into_iter().skip(1).fold(first, operation))
}

fn show(r: &mut Request<'_>, operation: Operation) -> Reply {
    Ok(reply::set(combine(r, &r.args[1..], operation)?))
}

fn store(r: &mut Request<'_>, operation: Operation) -> Reply {
    let result = combine(r, &r.args[2..], operation)?;
    let len = result.len();
    r.store.replace(r.key(), result);
    Ok(reply::int(len))
}
