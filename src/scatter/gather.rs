//! Several replies, as one.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::split::Keys;
use crate::command::Gather;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// Makes one reply of those of several nodes, none of which is an error.
pub(super) fn gather(rule: Gather, replies: Vec<Value>) -> Result<Value, Error> {
    match rule {
        Gather::All | Gather::Any => replies.into_iter().next(),
        Gather::Sum => fold(replies, i64::checked_add),
        Gather::Min => fold(replies, |one, other| Some(one.min(other))),
        Gather::Max => fold(replies, |one, other| Some(one.max(other))),
        Gather::And => fold(replies, |one, other| Some((one != 0 && other != 0).into())),
        Gather::Or => fold(replies, |one, other| Some((one != 0 || other != 0).into())),
        Gather::Concat | Gather::ByKey => Some(concat(replies)),
        Gather::Union => union(replies),
        Gather::SumByName => sum_by_name(replies),
        Gather::Random => Some(random(replies)),
    }
    .ok_or_else(misfit)
}

/// Puts what the parts of a split command answered into the order of its keys: one element for each key.
pub(super) fn gather_by_key(keys: &Keys, replies: Vec<Value>) -> Result<Value, Error> {
    let lists = replies.into_iter().map(Value::into_array);
    let lists: Result<Vec<_>, _> = lists.collect();
    let mut lists: Vec<_> = lists
        .map_err(|_| misfit())?
        .into_iter()
        .map(Vec::into_iter)
        .collect();
    let elements = keys.part_of.iter();
    let elements = elements.map(|part| lists.get_mut(*part)?.next());
    let elements: Option<Vec<_>> = elements.collect();
    let is_all = lists.iter().all(|list| list.len() == 0);
    elements
        .filter(|_| is_all)
        .map(Value::Array)
        .ok_or_else(misfit)
}

fn misfit() -> Error {
    Error::not_sent(
        ErrorKind::Protocol,
        "the replies of several nodes do not fit together",
    )
    .with_delivery(Delivery::Unknown)
}

/// Of integers; of lists, element by element.
fn fold(replies: Vec<Value>, combine: fn(i64, i64) -> Option<i64>) -> Option<Value> {
    let mut replies = replies.into_iter();
    let first = replies.next()?;
    replies.try_fold(first, |one, other| {
        match (one.as_integer(), other.as_integer()) {
            (Some(one), Some(other)) => combine(one, other).map(Value::Integer),
            (None, None) => {
                let (one, other) = (one.into_array().ok()?, other.into_array().ok()?);
                if one.len() != other.len() {
                    return None;
                }
                let pairs = one.into_iter().zip(other);
                let elements = pairs.map(|(one, other)| fold(vec![one, other], combine));
                elements.collect::<Option<_>>().map(Value::Array)
            }
            _ => None,
        }
    })
}

fn concat(replies: Vec<Value>) -> Value {
    if !replies.iter().all(|reply| reply.as_array().is_some()) {
        return Value::Array(replies);
    }
    let lists = replies.into_iter().map(Value::into_array);
    Value::Array(lists.flat_map(Result::unwrap_or_default).collect())
}

fn union(replies: Vec<Value>) -> Option<Value> {
    let mut seen = HashSet::<Bytes>::new();
    let mut elements = Vec::new();
    for reply in replies {
        for element in reply.into_array().ok()? {
            if seen.insert(element.as_bytes()?.clone()) {
                elements.push(element);
            }
        }
    }
    Some(Value::Array(elements))
}

/// Of lists of a name and a number in turn.
fn sum_by_name(replies: Vec<Value>) -> Option<Value> {
    let mut positions = HashMap::<Bytes, usize>::new();
    let mut sums: Vec<(Value, i64)> = Vec::new();
    for reply in replies {
        let mut elements = match reply.into_plain() {
            Value::Map(pairs) => pairs
                .into_iter()
                .flat_map(|(name, number)| [name, number])
                .collect(),
            list => list.into_array().ok()?,
        }
        .into_iter();
        while let Some(name) = elements.next() {
            let number = elements.next()?.as_integer()?;
            let position = *positions
                .entry(name.as_bytes()?.clone())
                .or_insert(sums.len());
            match sums.get_mut(position) {
                Some((_, sum)) => *sum = sum.checked_add(number)?,
                None => sums.push((name, number)),
            }
        }
    }
    let flat = sums.into_iter();
    let flat = flat.flat_map(|(name, sum)| [name, Value::Integer(sum)]);
    Some(Value::Array(flat.collect()))
}

fn random(mut replies: Vec<Value>) -> Value {
    replies.retain(|reply| !reply.is_nil());
    if replies.is_empty() {
        return Value::Nil;
    }
    replies.swap_remove(fastrand::usize(..replies.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(numbers: &[i64]) -> Vec<Value> {
        numbers
            .iter()
            .map(|number| Value::Integer(*number))
            .collect()
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.to_owned().into())
    }

    #[test]
    fn numbers_are_summed_and_compared() {
        for (rule, expected) in [
            (Gather::Sum, 6),
            (Gather::Min, 1),
            (Gather::Max, 3),
            (Gather::And, 1),
            (Gather::Or, 1),
        ] {
            let reply = gather(rule, ints(&[2, 1, 3]));
            assert_eq!(reply.expect("integers"), Value::Integer(expected));
        }
        let reply = gather(Gather::And, ints(&[1, 0]));
        assert_eq!(reply.expect("integers"), Value::Integer(0));
        let error = gather(Gather::Sum, ints(&[i64::MAX, 1])).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn lists_are_combined_element_by_element() {
        let lists = vec![
            Value::Array(ints(&[1, 0, 1])),
            Value::Array(ints(&[1, 1, 0])),
        ];
        let reply = gather(Gather::And, lists).expect("lists of one length");
        assert_eq!(reply, Value::Array(ints(&[1, 0, 0])));
        let lists = vec![Value::Array(ints(&[1])), Value::Array(ints(&[1, 1]))];
        gather(Gather::And, lists).expect_err("lists of different lengths");
        gather(Gather::Sum, vec![Value::Integer(1), Value::Nil]).expect_err("no number");
    }

    #[test]
    fn lists_are_joined_and_other_replies_listed() {
        let lists = vec![
            Value::Array(ints(&[1])),
            Value::Set(ints(&[2])),
            Value::Array(vec![]),
        ];
        let reply = gather(Gather::Concat, lists).expect("lists");
        assert_eq!(reply, Value::Array(ints(&[1, 2])));
        let maps = vec![Value::Map(vec![(text("a"), text("1"))]); 2];
        let reply = gather(Gather::Concat, maps.clone()).expect("anything");
        assert_eq!(reply, Value::Array(maps));
    }

    #[test]
    fn a_union_has_each_name_once() {
        let lists = vec![
            Value::Array(vec![text("a"), text("b")]),
            Value::Array(vec![text("b"), text("c")]),
        ];
        let reply = gather(Gather::Union, lists).expect("names");
        assert_eq!(reply, Value::Array(vec![text("a"), text("b"), text("c")]));
    }

    #[test]
    fn numbers_are_summed_by_name() {
        let lists = vec![
            Value::Array(vec![
                text("a"),
                Value::Integer(1),
                text("b"),
                Value::Integer(2),
            ]),
            Value::Map(vec![
                (text("b"), Value::Integer(3)),
                (text("a"), Value::Integer(4)),
            ]),
        ];
        let reply = gather(Gather::SumByName, lists).expect("names and numbers");
        let expected = vec![text("a"), Value::Integer(5), text("b"), Value::Integer(5)];
        assert_eq!(reply, Value::Array(expected));
        gather(Gather::SumByName, vec![Value::Array(vec![text("a")])]).expect_err("no number");
    }

    #[test]
    fn a_random_reply_is_not_nil_while_there_is_another() {
        for _ in 0..50 {
            let reply = gather(Gather::Random, vec![Value::Nil, text("k"), Value::Nil]);
            assert_eq!(reply.expect("anything"), text("k"));
        }
        let reply = gather(Gather::Random, vec![Value::Nil; 3]);
        assert_eq!(reply.expect("anything"), Value::Nil);
    }
}
