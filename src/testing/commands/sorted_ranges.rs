//! Ranges of sorted sets: by rank, by score, and between members of one score.

use std::ops::Bound;

use bytes::Bytes;

use super::sorted_sets::{pairs, set};
use super::{ONE, Reply, Request, Spec, args, read, reply, write};
use crate::testing::store::SortedSet;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    read("ZRANGE", -4, ONE, |r| show(r, Form::Any)),
    read("ZREVRANGE", -4, ONE, |r| show(r, Form::RevRank)),
    read("ZRANGEBYSCORE", -4, ONE, |r| show(r, Form::Score)),
    read("ZREVRANGEBYSCORE", -4, ONE, |r| show(r, Form::RevScore)),
    read("ZRANGEBYLEX", -4, ONE, |r| show(r, Form::Lex)),
    read("ZCOUNT", 4, ONE, |r| {
        let range = By::score(r.arg(2), r.arg(3))?;
        Ok(reply::int(select(r, &range, false)?.len()))
    }),
    read("ZLEXCOUNT", 4, ONE, |r| {
        let range = By::lex(r.arg(2), r.arg(3))?;
        Ok(reply::int(select(r, &range, false)?.len()))
    }),
    write("ZREMRANGEBYRANK", 4, ONE, |r| {
        let range = By::Rank(r.int(2)?, r.int(3)?);
        remove(r, &range)
    }),
    write("ZREMRANGEBYSCORE", 4, ONE, |r| {
        let range = By::score(r.arg(2), r.arg(3))?;
        remove(r, &range)
    }),
    write("ZREMRANGEBYLEX", 4, ONE, |r| {
        let range = By::lex(r.arg(2), r.arg(3))?;
        remove(r, &range)
    }),
];

/// What the command's name settles already.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Any,
    RevRank,
    Score,
    RevScore,
    Lex,
}

/// A range, low end first.
enum By {
    Rank(i64, i64),
    Score(Bound<f64>, Bound<f64>),
    Lex(Lex, Lex),
}

/// One end of a range of members.
enum Lex {
    Least,
    Greatest,
    Included(Bytes),
    Excluded(Bytes),
}

impl By {
    fn score(low: &[u8], high: &[u8]) -> Result<Self, ServerError> {
        let bound = |arg: &[u8]| {
            let bound = match arg.strip_prefix(b"(") {
                Some(number) => args::parse_float(number).map(Bound::Excluded),
                None => args::parse_float(arg).map(Bound::Included),
            };
            bound.ok_or_else(|| reply::error("ERR min or max is not a float"))
        };
        Ok(Self::Score(bound(low)?, bound(high)?))
    }

    fn lex(low: &[u8], high: &[u8]) -> Result<Self, ServerError> {
        let bound = |arg: &[u8]| match arg {
            b"-" => Ok(Lex::Least),
            b"+" => Ok(Lex::Greatest),
            [b'[', rest @ ..] => Ok(Lex::Included(Bytes::copy_from_slice(rest))),
            [b'(', rest @ ..] => Ok(Lex::Excluded(Bytes::copy_from_slice(rest))),
            _ => Err(reply::error("ERR min or max not valid string range item")),
        };
        Ok(Self::Lex(bound(low)?, bound(high)?))
    }

    fn contains(&self, member: &Bytes, score: f64) -> bool {
        match self {
            Self::Rank(..) => true,
            Self::Score(low, high) => {
                let above = match low {
                    Bound::Excluded(low) => score > *low,
                    Bound::Included(low) => score >= *low,
                    Bound::Unbounded => true,
                };
                let below = match high {
                    Bound::Excluded(high) => score < *high,
                    Bound::Included(high) => score <= *high,
                    Bound::Unbounded => true,
                };
                above && below
            }
            Self::Lex(low, high) => {
                let above = match low {
                    Lex::Least => true,
                    Lex::Greatest => false,
                    Lex::Included(low) => member >= low,
                    Lex::Excluded(low) => member > low,
                };
                let below = match high {
                    Lex::Least => false,
                    Lex::Greatest => true,
                    Lex::Included(high) => member <= high,
                    Lex::Excluded(high) => member < high,
                };
                above && below
            }
        }
    }
}

/// The members of a range, highest first if `is_reverse`; ranks count from there then.
fn select(r: &Request<'_>, range: &By, is_reverse: bool) -> Result<Vec<(Bytes, f64)>, ServerError> {
    let all = set(r)?.into_iter().flat_map(SortedSet::iter);
    let inside = all.filter(|(member, score)| range.contains(member, *score));
    let mut found: Vec<(Bytes, f64)> = inside.map(|(m, score)| (m.clone(), score)).collect();
    if is_reverse {
        found.reverse();
    }
    if let By::Rank(start, end) = range {
        let range = args::range(*start, *end, found.len());
        found = found.drain(range).collect();
    }
    Ok(found)
}

fn show(r: &mut Request<'_>, form: Form) -> Reply {
    let is_any = form == Form::Any;
    let mut by_score = matches!(form, Form::Score | Form::RevScore);
    let mut by_lex = form == Form::Lex;
    let mut is_reverse = matches!(form, Form::RevRank | Form::RevScore);
    let mut with_scores = false;
    let mut limit = None;
    let mut rest = &r.args[4..];
    while let [option, tail @ ..] = rest {
        rest = tail;
        match &*args::upper(option) {
            "WITHSCORES" if form != Form::Lex => with_scores = true,
            "LIMIT" => {
                let [offset, count, tail @ ..] = tail else {
                    return Err(reply::syntax());
                };
                limit = Some((args::int(offset)?, args::int(count)?));
                rest = tail;
            }
            "BYSCORE" if is_any => by_score = true,
            "BYLEX" if is_any => by_lex = true,
            "REV" if is_any => is_reverse = true,
            _ => return Err(reply::syntax()),
        }
    }
    if limit.is_some() && !by_score && !by_lex {
        return Err(reply::error(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ));
    }
    if with_scores && by_lex {
        return Err(reply::error(
            "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ));
    }
    let (first, second) = (r.arg(2), r.arg(3));
    // Backwards, the higher end is given first.
    let (low, high) = if is_reverse {
        (second, first)
    } else {
        (first, second)
    };
    let range = if by_score {
        By::score(low, high)?
    } else if by_lex {
        By::lex(low, high)?
    } else {
        By::Rank(args::int(first)?, args::int(second)?)
    };
    let mut found = select(r, &range, is_reverse)?;
    if let Some((offset, count)) = limit {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        found.drain(..offset.min(found.len()));
        // A negative count is no limit.
        found.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
    Ok(if with_scores {
        pairs(r.version, found)
    } else {
        reply::array(found.into_iter().map(|(member, _)| member))
    })
}

fn remove(r: &mut Request<'_>, range: &By) -> Reply {
    let found = select(r, range, false)?;
    if found.is_empty() {
        return Ok(Value::Integer(0));
    }
    r.store.edit::<SortedSet, _>(r.key(), |set| {
        for (member, _) in &found {
            set.remove(member);
        }
    })?;
    Ok(reply::int(found.len()))
}
