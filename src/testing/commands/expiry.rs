//! When keys expire.

use super::{ONE, Reply, Request, Spec, args, read, reply, write};
use crate::value::{ServerError, Value};

pub(super) const COMMANDS: &[Spec] = &[
    write("EXPIRE", -3, ONE, |r| {
        expire(r, "expire", Moment::SecondsFromNow)
    }),
    write("PEXPIRE", -3, ONE, |r| {
        expire(r, "pexpire", Moment::MillisFromNow)
    }),
    write("EXPIREAT", -3, ONE, |r| {
        expire(r, "expireat", Moment::Seconds)
    }),
    write("PEXPIREAT", -3, ONE, |r| {
        expire(r, "pexpireat", Moment::Millis)
    }),
    read("TTL", 2, ONE, |r| {
        ttl(r, |at, now| (at.saturating_sub(now) + 500) / 1000)
    }),
    read("PTTL", 2, ONE, |r| ttl(r, u64::saturating_sub)),
    read("EXPIRETIME", 2, ONE, |r| ttl(r, |at, _| (at + 500) / 1000)),
    read("PEXPIRETIME", 2, ONE, |r| ttl(r, |at, _| at)),
    write("PERSIST", 2, ONE, persist),
];

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Moment {
    SecondsFromNow,
    MillisFromNow,
    Seconds,
    Millis,
}

impl Moment {
    /// The way that goes with an option of `SET` and `GETEX`.
    pub(super) fn of_option(option: &str) -> Option<Self> {
        Some(match option {
            "EX" => Self::SecondsFromNow,
            "PX" => Self::MillisFromNow,
            "EXAT" => Self::Seconds,
            "PXAT" => Self::Millis,
            _ => return None,
        })
    }

    /// Milliseconds since 1970, which may be before that; `None` if it is too far away.
    fn resolve(self, number: i64, now_ms: u64) -> Option<i64> {
        let millis = match self {
            Self::SecondsFromNow | Self::Seconds => number.checked_mul(1000)?,
            Self::MillisFromNow | Self::Millis => number,
        };
        match self {
            Self::SecondsFromNow | Self::MillisFromNow => millis.checked_add_unsigned(now_ms),
            Self::Seconds | Self::Millis => Some(millis),
        }
    }
}

fn invalid(command: &str) -> ServerError {
    reply::error(format!("ERR invalid expire time in '{command}' command"))
}

/// A moment for a key that is set at the same time: it must be above 0. In milliseconds since 1970.
pub(super) fn moment(
    arg: &[u8],
    unit: Moment,
    now_ms: u64,
    command: &str,
) -> Result<u64, ServerError> {
    let number = args::int(arg)?;
    let at = unit.resolve(number, now_ms).filter(|_| number > 0);
    at.and_then(|at| u64::try_from(at).ok())
        .ok_or_else(|| invalid(command))
}

fn expire(r: &mut Request<'_>, command: &str, unit: Moment) -> Reply {
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    for option in &r.args[3..] {
        match &*args::upper(option) {
            "NX" => nx = true,
            "XX" => xx = true,
            "GT" => gt = true,
            "LT" => lt = true,
            _ => {
                return Err(reply::error(format!(
                    "ERR Unsupported option {}",
                    reply::lossy(option, 128)
                )));
            }
        }
    }
    if nx && (xx || gt || lt) {
        return Err(reply::error(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if gt && lt {
        return Err(reply::error(
            "ERR GT and LT options at the same time are not compatible",
        ));
    }
    let at = unit.resolve(r.int(2)?, r.now_ms);
    let at = at.ok_or_else(|| invalid(command))?;
    let Some(entry) = r.store.entry(r.key()) else {
        return Ok(reply::truth(false));
    };
    // A key that does not expire counts as one that expires never: nothing is later.
    let old = entry.expires_at.map_or(i64::MAX, |old| old as i64);
    let has_expiry = entry.expires_at.is_some();
    if (nx && has_expiry) || (xx && !has_expiry) || (gt && at <= old) || (lt && at >= old) {
        return Ok(reply::truth(false));
    }
    match u64::try_from(at).ok().filter(|at| *at > r.now_ms) {
        Some(at) => r.store.set_expiry(r.key(), Some(at)),
        None => drop(r.store.remove(r.key())),
    }
    Ok(reply::truth(true))
}

/// -2 without the key, -1 if it does not expire, otherwise what `shown` makes of the moment and now.
fn ttl(r: &mut Request<'_>, shown: impl Fn(u64, u64) -> u64) -> Reply {
    let entry = r.store.entry(r.key());
    Ok(Value::Integer(match entry.map(|entry| entry.expires_at) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => shown(at, r.now_ms) as i64,
    }))
}

fn persist(r: &mut Request<'_>) -> Reply {
    let entry = r.store.entry(r.key());
    let expires = entry.is_some_and(|entry| entry.expires_at.is_some());
    if expires {
        r.store.set_expiry(r.key(), None);
    }
    Ok(reply::truth(expires))
}
