//! Lists, with the commands that wait for elements.

use bytes::Bytes;

use super::{
    ALL_BUT_LAST, ONE, Reply, Request, Run, Spec, TWO, WRITE, args, read, reply, spec, write,
};
use crate::testing::store::List;
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("LPUSH", -3, ONE, |r| push(r, End::Left, false)),
    write("RPUSH", -3, ONE, |r| push(r, End::Right, false)),
    write("LPUSHX", -3, ONE, |r| push(r, End::Left, true)),
    write("RPUSHX", -3, ONE, |r| push(r, End::Right, true)),
    write("LPOP", -2, ONE, |r| pop(r, End::Left, "LPOP")),
    write("RPOP", -2, ONE, |r| pop(r, End::Right, "RPOP")),
    read("LLEN", 2, ONE, |r| {
        Ok(reply::int(list(r)?.map_or(0, List::len)))
    }),
    read("LRANGE", 4, ONE, range),
    read("LINDEX", 3, ONE, index),
    write("LSET", 4, ONE, set),
    write("LREM", 4, ONE, remove),
    write("LTRIM", 4, ONE, trim),
    write("LINSERT", 5, ONE, insert),
    read("LPOS", -3, ONE, position),
    write("LMOVE", 5, TWO, |r| {
        let (from, to) = (End::of(r.arg(3))?, End::of(r.arg(4))?);
        Ok(move_one(r, from, to)?.unwrap_or(Value::Nil))
    }),
    write("RPOPLPUSH", 3, TWO, |r| {
        Ok(move_one(r, End::Right, End::Left)?.unwrap_or(Value::Nil))
    }),
    spec(
        "BLPOP",
        -3,
        ALL_BUT_LAST,
        WRITE,
        Run::Wait(|r| pop_first(r, End::Left)),
    ),
    spec(
        "BRPOP",
        -3,
        ALL_BUT_LAST,
        WRITE,
        Run::Wait(|r| pop_first(r, End::Right)),
    ),
    spec(
        "BLMOVE",
        6,
        TWO,
        WRITE,
        Run::Wait(|r| {
            let (from, to) = (End::of(r.arg(3))?, End::of(r.arg(4))?);
            move_one(r, from, to)
        }),
    ),
    spec(
        "BRPOPLPUSH",
        4,
        TWO,
        WRITE,
        Run::Wait(|r| move_one(r, End::Right, End::Left)),
    ),
];

#[derive(Clone, Copy)]
enum End {
    Left,
    Right,
}

impl End {
    fn of(arg: &[u8]) -> Result<Self, ServerError> {
        match &*args::upper(arg) {
            "LEFT" => Ok(Self::Left),
            "RIGHT" => Ok(Self::Right),
            _ => Err(reply::syntax()),
        }
    }

    fn push(self, list: &mut List, item: Bytes) {
        match self {
            Self::Left => list.push_front(item),
            Self::Right => list.push_back(item),
        }
    }

    fn pop(self, list: &mut List) -> Option<Bytes> {
        match self {
            Self::Left => list.pop_front(),
            Self::Right => list.pop_back(),
        }
    }
}

fn list<'a>(r: &'a Request<'_>) -> Result<Option<&'a List>, ServerError> {
    r.store.read::<List>(r.key())
}

fn push(r: &mut Request<'_>, end: End, only_old: bool) -> Reply {
    if list(r)?.is_none() && only_old {
        return Ok(reply::int(0));
    }
    let items = &r.args[2..];
    let len = r.store.edit::<List, _>(r.key(), |list| {
        items.iter().for_each(|item| end.push(list, item.clone()));
        list.len()
    })?;
    Ok(reply::int(len))
}

fn pop(r: &mut Request<'_>, end: End, name: &str) -> Reply {
    let count = match &r.args[2..] {
        [] => None,
        [count] => Some(self::count(count)?),
        _ => return Err(reply::wrong_arity(name)),
    };
    if list(r)?.is_none() {
        return Ok(Value::Nil);
    }
    r.store.edit::<List, _>(r.key(), |list| match count {
        None => reply::bulk_or_nil(end.pop(list)),
        Some(count) => {
            let count = count.min(list.len());
            reply::array((0..count).filter_map(|_| end.pop(list)))
        }
    })
}

/// A number of elements, which cannot be negative.
pub(super) fn count(arg: &[u8]) -> Result<usize, ServerError> {
    let count = args::parse_int(arg).and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| reply::error("ERR value is out of range, must be positive"))
}

fn range(r: &mut Request<'_>) -> Reply {
    let (start, end) = (r.int(2)?, r.int(3)?);
    let Some(list) = list(r)? else {
        return Ok(Value::Array(Vec::new()));
    };
    Ok(reply::array(
        list.range(args::range(start, end, list.len())).cloned(),
    ))
}

/// The position an index means, from the end if it is negative.
fn resolve(index: i64, len: usize) -> Option<usize> {
    let position = if index < 0 {
        index.checked_add(len as i64)?
    } else {
        index
    };
    usize::try_from(position)
        .ok()
        .filter(|position| *position < len)
}

fn index(r: &mut Request<'_>) -> Reply {
    let Some(list) = list(r)? else {
        return Ok(Value::Nil);
    };
    let position = resolve(r.int(2)?, list.len());
    Ok(reply::bulk_or_nil(
        position.map(|position| list[position].clone()),
    ))
}

fn set(r: &mut Request<'_>) -> Reply {
    let len = list(r)?.ok_or_else(reply::no_such_key)?.len();
    let position = resolve(r.int(2)?, len);
    let position = position.ok_or_else(|| reply::error("ERR index out of range"))?;
    let item = r.arg(3).clone();
    r.store
        .edit::<List, _>(r.key(), |list| list[position] = item)?;
    Ok(reply::ok())
}

fn remove(r: &mut Request<'_>) -> Reply {
    let count = r.int(2)?;
    if list(r)?.is_none() {
        return Ok(reply::int(0));
    }
    let item = r.arg(3);
    let removed = r.store.edit::<List, _>(r.key(), |list| {
        let limit = match count.unsigned_abs() {
            0 => usize::MAX,
            count => count as usize,
        };
        let mut positions: Vec<usize> = (0..list.len()).filter(|i| list[*i] == item).collect();
        if count < 0 {
            positions.reverse();
        }
        positions.truncate(limit);
        positions.sort_unstable();
        for position in positions.iter().rev() {
            list.remove(*position);
        }
        positions.len()
    })?;
    Ok(reply::int(removed))
}

fn trim(r: &mut Request<'_>) -> Reply {
    let (start, end) = (r.int(2)?, r.int(3)?);
    if list(r)?.is_some() {
        r.store.edit::<List, _>(r.key(), |list| {
            let range = args::range(start, end, list.len());
            list.truncate(range.end);
            list.drain(..range.start.min(list.len()));
        })?;
    }
    Ok(reply::ok())
}

fn insert(r: &mut Request<'_>) -> Reply {
    let offset = match &*args::upper(r.arg(2)) {
        "BEFORE" => 0,
        "AFTER" => 1,
        _ => return Err(reply::syntax()),
    };
    let Some(list) = list(r)? else {
        return Ok(Value::Integer(0));
    };
    let Some(pivot) = list.iter().position(|item| item == r.arg(3)) else {
        return Ok(Value::Integer(-1));
    };
    let item = r.arg(4).clone();
    let len = r.store.edit::<List, _>(r.key(), |list| {
        list.insert(pivot + offset, item);
        list.len()
    })?;
    Ok(reply::int(len))
}

fn position(r: &mut Request<'_>) -> Reply {
    let (mut rank, mut wanted, mut max_len) = (1, None, 0);
    let options = r.args[3..].chunks_exact(2);
    if !options.remainder().is_empty() {
        return Err(reply::syntax());
    }
    let not_negative = |arg: &[u8], text: &'static str| {
        let number = args::int(arg)?;
        usize::try_from(number).map_err(|_| reply::error(text))
    };
    for option in options {
        match &*args::upper(&option[0]) {
            "RANK" => {
                rank = args::int(&option[1])?;
                if rank == 0 {
                    return Err(reply::error(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                    ));
                }
                if rank == i64::MIN {
                    return Err(reply::error(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                    ));
                }
            }
            "COUNT" => wanted = Some(not_negative(&option[1], "ERR COUNT can't be negative")?),
            "MAXLEN" => max_len = not_negative(&option[1], "ERR MAXLEN can't be negative")?,
            _ => return Err(reply::syntax()),
        }
    }
    let Some(list) = list(r)? else {
        return Ok(wanted.map_or(Value::Nil, |_| Value::Array(Vec::new())));
    };
    let mut places: Vec<usize> = (0..list.len()).collect();
    if rank < 0 {
        places.reverse();
    }
    if max_len > 0 {
        places.truncate(max_len);
    }
    let item = r.arg(2);
    let skipped = (rank.unsigned_abs() - 1) as usize;
    let mut found = places
        .into_iter()
        .filter(|place| list[*place] == item)
        .skip(skipped);
    Ok(match wanted {
        None => found.next().map_or(Value::Nil, reply::int),
        Some(0) => Value::Array(found.map(reply::int).collect()),
        Some(wanted) => Value::Array(found.take(wanted).map(reply::int).collect()),
    })
}

/// Moves an element from one list to another, or within one; `None` if there is none.
fn move_one(r: &mut Request<'_>, from: End, to: End) -> Result<Option<Value>, ServerError> {
    let (source, target) = (r.key(), r.arg(2));
    if list(r)?.is_none() {
        return Ok(None);
    }
    r.store.read::<List>(target)?;
    let Some(item) = r.store.edit::<List, _>(source, |list| from.pop(list))? else {
        return Ok(None);
    };
    r.store
        .edit::<List, _>(target, |list| to.push(list, item.clone()))?;
    Ok(Some(reply::bulk(item)))
}

/// Takes an element off the first list that has one.
fn pop_first(r: &mut Request<'_>, end: End) -> Result<Option<Value>, ServerError> {
    for key in &r.args[1..r.args.len() - 1] {
        if r.store.read::<List>(key)?.is_some() {
            let item = r.store.edit::<List, _>(key, |list| end.pop(list))?;
            return Ok(item.map(|item| reply::array([key.clone(), item])));
        }
    }
    Ok(None)
}
