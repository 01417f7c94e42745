//! Keys by pattern: `KEYS` and the `SCAN` family.

use bytes::Bytes;

use super::{NO_KEY, ONE, Reply, Request, Spec, args, read, reply};
use crate::scan::glob;
use crate::testing::store::{Hash, Set, SortedSet};
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    read("KEYS", 2, NO_KEY, |r| {
        let keys = r.store.keys().filter(|key| glob(r.arg(1), key));
        Ok(reply::array(keys.cloned()))
    }),
    read("SCAN", -2, NO_KEY, scan),
    read("HSCAN", -3, ONE, |r| {
        let hash = r.store.read::<Hash>(r.key())?;
        let pairs = hash.into_iter().flatten();
        scan_items(
            r,
            pairs.map(|(field, value)| (field, Some(reply::bulk(value.clone())))),
        )
    }),
    read("SSCAN", -3, ONE, |r| {
        let set = r.store.read::<Set>(r.key())?;
        scan_items(r, set.into_iter().flatten().map(|member| (member, None)))
    }),
    read("ZSCAN", -3, ONE, |r| {
        let set = r.store.read::<SortedSet>(r.key())?;
        let items = set.into_iter().flat_map(SortedSet::iter);
        scan_items(
            r,
            // A bulk string in RESP3 too.
            items.map(|(member, score)| {
                (
                    member,
                    Some(reply::bulk(super::sorted_sets::show_score(score))),
                )
            }),
        )
    }),
];

/// Options of the `SCAN` family.
#[derive(Default)]
struct Options<'a> {
    pattern: Option<&'a Bytes>,
    count: usize,
    type_name: Option<String>,
}

fn options<'a>(rest: &'a [Bytes], with_type: bool) -> Result<Options<'a>, ServerError> {
    let mut options = Options {
        count: 10,
        ..Options::default()
    };
    for option in rest.chunks(2) {
        let [name, value] = option else {
            return Err(reply::syntax());
        };
        match &*args::upper(name) {
            "MATCH" => options.pattern = Some(value),
            "COUNT" => {
                let count = args::int(value)?;
                if count < 1 {
                    return Err(reply::syntax());
                }
                options.count = usize::try_from(count).unwrap_or(usize::MAX);
            }
            "TYPE" if with_type => options.type_name = Some(args::upper(value)),
            _ => return Err(reply::syntax()),
        }
    }
    Ok(options)
}

fn cursor(arg: &[u8]) -> Result<u64, ServerError> {
    let cursor = std::str::from_utf8(arg)
        .ok()
        .and_then(|text| text.parse().ok());
    cursor.ok_or_else(|| reply::error("ERR invalid cursor"))
}

/// Goes through the keys in the order of their hashes; the cursor is the next hash. So a key that is there all the
/// time is found once, whatever comes and goes meanwhile.
fn scan(r: &mut Request<'_>) -> Reply {
    let cursor = cursor(r.arg(1))?;
    let options = options(&r.args[2..], true)?;
    let mut keys: Vec<(u64, &Bytes)> = r.store.keys().map(|key| (hash(key), key)).collect();
    keys.retain(|(hash, _)| *hash >= cursor);
    keys.sort_unstable();
    // Keys of one hash go together.
    let last = keys
        .get(options.count.saturating_sub(1))
        .map(|(hash, _)| *hash);
    let end = last.map_or(keys.len(), |last| {
        keys.partition_point(|(hash, _)| *hash <= last)
    });
    let next = keys.get(end).map_or(0, |(hash, _)| *hash);
    let found = keys[..end].iter().map(|(_, key)| *key).filter(|key| {
        let entry = r.store.entry(key);
        let type_name = entry.map(|entry| entry.data.type_name().to_ascii_uppercase());
        options.pattern.is_none_or(|pattern| glob(pattern, key))
            && (options.type_name.is_none() || options.type_name == type_name)
    });
    Ok(Value::Array(vec![
        reply::bulk(next.to_string()),
        reply::array(found.cloned()),
    ]))
}

/// All items in one step, as servers do with small collections.
fn scan_items<'a>(
    r: &Request<'_>,
    items: impl Iterator<Item = (&'a Bytes, Option<Value>)>,
) -> Reply {
    cursor(r.arg(2))?;
    let options = options(&r.args[3..], false)?;
    let items = items.filter(|(item, _)| options.pattern.is_none_or(|pattern| glob(pattern, item)));
    let items = items.flat_map(|(item, value)| [Some(reply::bulk(item.clone())), value]);
    Ok(Value::Array(vec![
        reply::bulk("0"),
        Value::Array(items.flatten().collect()),
    ]))
}

/// FNV-1a, to 48 bits, and never 0, which is the cursor at the begin and the end.
fn hash(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash & 0xffff_ffff_ffff).max(1)
}
