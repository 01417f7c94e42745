//! Sorted sets, member by member. Ranges are in `sorted_ranges`.

use bytes::Bytes;

use super::lists::count;
use super::{ONE, Reply, Request, Spec, args, read, reply, write};
use crate::resp::Version;
use crate::testing::store::SortedSet;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("ZADD", -4, ONE, add),
    write("ZINCRBY", 4, ONE, |r| {
        let pairs = [(args::float(r.arg(2))?, r.arg(3))];
        let flags = Flags {
            is_incr: true,
            ..Flags::default()
        };
        apply(r, flags, &pairs)
    }),
    write("ZREM", -3, ONE, remove),
    read("ZSCORE", 3, ONE, |r| {
        Ok(score_or_nil(set(r)?.and_then(|set| set.score(r.arg(2)))))
    }),
    read("ZMSCORE", -3, ONE, |r| {
        let set = set(r)?;
        let scores = r.args[2..].iter().map(|member| set?.score(member));
        Ok(Value::Array(scores.map(score_or_nil).collect()))
    }),
    read("ZCARD", 2, ONE, |r| {
        Ok(reply::int(set(r)?.map_or(0, SortedSet::len)))
    }),
    read("ZRANK", -3, ONE, |r| rank(r, false)),
    read("ZREVRANK", -3, ONE, |r| rank(r, true)),
    write("ZPOPMIN", -2, ONE, |r| pop(r, false)),
    write("ZPOPMAX", -2, ONE, |r| pop(r, true)),
];

pub(super) fn set<'a>(r: &'a Request<'_>) -> Result<Option<&'a SortedSet>, ServerError> {
    r.store.read::<SortedSet>(r.key())
}

fn score_or_nil(score: Option<f64>) -> Value {
    score.map_or(Value::Nil, Value::Double)
}

/// A score as a bulk string.
pub(super) fn show_score(score: f64) -> String {
    crate::resp::format_double(score, &mut ryu::Buffer::new()).to_owned()
}

/// Members and scores, flat in RESP2 and in pairs in RESP3.
pub(super) fn pairs(version: Version, pairs: Vec<(Bytes, f64)>) -> Value {
    let pairs = pairs.into_iter();
    let pairs = pairs.map(|(member, score)| [reply::bulk(member), Value::Double(score)]);
    Value::Array(match version {
        Version::Resp2 => pairs.flatten().collect(),
        Version::Resp3 => pairs.map(|pair| Value::Array(pair.into())).collect(),
    })
}

#[derive(Clone, Copy, Default)]
struct Flags {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    counts_changed: bool,
    is_incr: bool,
}

fn add(r: &mut Request<'_>) -> Reply {
    let mut flags = Flags::default();
    let mut rest = &r.args[2..];
    while let [option, tail @ ..] = rest {
        match &*args::upper(option) {
            "NX" => flags.nx = true,
            "XX" => flags.xx = true,
            "GT" => flags.gt = true,
            "LT" => flags.lt = true,
            "CH" => flags.counts_changed = true,
            "INCR" => flags.is_incr = true,
            _ => break,
        }
        rest = tail;
    }
    let items = rest.chunks_exact(2);
    if rest.is_empty() || !items.remainder().is_empty() {
        return Err(reply::syntax());
    }
    if flags.nx && flags.xx {
        return Err(reply::error(
            "ERR XX and NX options at the same time are not compatible",
        ));
    }
    if (flags.gt && flags.lt) || (flags.nx && (flags.gt || flags.lt)) {
        return Err(reply::error(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if flags.is_incr && rest.len() > 2 {
        return Err(reply::error(
            "ERR INCR option supports a single increment-element pair",
        ));
    }
    let mut pairs = Vec::new();
    for item in items {
        pairs.push((args::float(&item[0])?, &item[1]));
    }
    apply(r, flags, &pairs)
}

/// Sets scores, or adds to them; what of that, the flags say.
fn apply(r: &mut Request<'_>, flags: Flags, pairs: &[(f64, &Bytes)]) -> Reply {
    if set(r)?.is_none() && flags.xx {
        return Ok(if flags.is_incr {
            Value::Nil
        } else {
            reply::int(0)
        });
    }
    let (mut added, mut changed) = (0, 0);
    let mut last = None;
    r.store.edit::<SortedSet, _>(r.key(), |set| {
        for (number, member) in pairs {
            let old = set.score(member);
            if old.map_or(flags.xx, |_| flags.nx) {
                last = None;
                continue;
            }
            let new = match old {
                Some(old) if flags.is_incr => old + number,
                _ => *number,
            };
            if new.is_nan() {
                return Err(reply::error("ERR resulting score is not a number (NaN)"));
            }
            if old.is_some_and(|old| (flags.gt && new <= old) || (flags.lt && new >= old)) {
                last = None;
                continue;
            }
            added += usize::from(old.is_none());
            changed += usize::from(old != Some(new));
            last = Some(new);
            set.insert(member, new);
        }
        Ok(())
    })??;
    Ok(match flags {
        Flags { is_incr: true, .. } => score_or_nil(last),
        Flags {
            counts_changed: true,
            ..
        } => reply::int(changed),
        _ => reply::int(added),
    })
}

fn remove(r: &mut Request<'_>) -> Reply {
    if set(r)?.is_none() {
        return Ok(reply::int(0));
    }
    let members = r.args[2..].iter();
    let removed = r.store.edit::<SortedSet, _>(r.key(), |set| {
        members
            .filter(|member| set.remove(member).is_some())
            .count()
    })?;
    Ok(reply::int(removed))
}

fn rank(r: &mut Request<'_>, is_reverse: bool) -> Reply {
    let with_score = match &r.args[3..] {
        [] => false,
        [option] if args::is(option, "WITHSCORE") => true,
        _ => return Err(reply::syntax()),
    };
    let member = r.arg(2);
    let found = set(r)?.and_then(|set| {
        let rank = set.rank(member)?;
        let rank = if is_reverse {
            set.len() - 1 - rank
        } else {
            rank
        };
        Some((rank, set.score(member)?))
    });
    Ok(match found {
        None => Value::Nil,
        Some((rank, score)) if with_score => {
            Value::Array(vec![reply::int(rank), Value::Double(score)])
        }
        Some((rank, _)) => reply::int(rank),
    })
}

fn pop(r: &mut Request<'_>, is_max: bool) -> Reply {
    let wanted = match &r.args[2..] {
        [] => None,
        [arg] => Some(count(arg)?),
        _ => return Err(reply::syntax()),
    };
    let limit = wanted.unwrap_or(1);
    let all = set(r)?.into_iter().flat_map(SortedSet::iter);
    let all = all.map(|(member, score)| (member.clone(), score));
    let popped: Vec<(Bytes, f64)> = if is_max {
        all.rev().take(limit).collect()
    } else {
        all.take(limit).collect()
    };
    if !popped.is_empty() {
        r.store.edit::<SortedSet, _>(r.key(), |set| {
            for (member, _) in &popped {
                set.remove(member);
            }
        })?;
    }
    // Without a count, one pair is not put into an array of its own.
    Ok(match wanted {
        None => pairs(Version::Resp2, popped),
        Some(_) => pairs(r.version, popped),
    })
}
