//! Command lines to ask about.

use tower_redis_cluster::command::{BeginSearch, CommandInfo, FindKeys, all};

use crate::Line;

/// How many lines are made up for each command with keys.
const LINES: usize = 60;

/// Words that some command looks for among its arguments, and values that count.
const WORDS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "",
    "x",
    "ASC",
    "AUTH",
    "AUTH2",
    "BLOCK",
    "BY",
    "COUNT",
    "GET",
    "GROUP",
    "KEYS",
    "LIMIT",
    "STORE",
    "STOREDIST",
    "STREAMS",
    "WEIGHTS",
    "store",
    "streams",
];

/// Lines that servers execute, for whatever the arguments of commands decide.
const VALID: &str = "
APPEND k v
BITCOUNT k 0 -1 BYTE
BITFIELD k GET u8 0 SET u8 0 1
BITOP AND d a
BITOP OR d a b c
BITOP NOT d a
BLMOVE a b LEFT RIGHT 0
BLMPOP 0 2 a b LEFT COUNT 3
BLPOP a b c 0
BRPOPLPUSH a b 0
BZMPOP 1 1 a MIN
BZPOPMIN a b 1.5
COPY a b DB 2 REPLACE
DEL a b c
EVAL return 0
EVAL return 0 x y
EVAL return 2 a b x y
EVALSHA sha 1 a
EVALSHA_RO sha 1 a x
EVAL_RO return 1 a
EXISTS a a b
FCALL f 0
FCALL f 2 a b x
FCALL_RO f 1 a
GEORADIUS k 1 2 3 km
GEORADIUS k 1 2 3 km WITHCOORD COUNT 1 ANY ASC
GEORADIUS k 1 2 3 km STORE d
GEORADIUS k 1 2 3 km ASC STOREDIST d
GEORADIUSBYMEMBER k m 3 km STORE d
GEORADIUSBYMEMBER k m 3 km DESC STOREDIST d
GEORADIUSBYMEMBER_RO k m 3 km ASC
GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 km STOREDIST
LCS a b IDX MINMATCHLEN 4
LMPOP 3 a b c RIGHT
MEMORY USAGE k
MEMORY USAGE k SAMPLES 5
MGET a b a
MIGRATE host 6379 k 0 100
MIGRATE host 6379 k 0 100 COPY REPLACE AUTH pw
MIGRATE host 6379 | 0 100 KEYS a b c
MIGRATE host 6379 | 0 100 COPY REPLACE AUTH2 user pw KEYS a b
MSET a 1 b 2
MSETEX 1 a 1
MSETEX 2 a 1 b 2 NX EX 10
MSETNX a 1 b 2
OBJECT ENCODING k
OBJECT FREQ k
OBJECT IDLETIME k
OBJECT REFCOUNT k
OBJECT HELP
PFADD k
PFCOUNT a b
PFMERGE d a b
RENAME a b
RESTORE k 0 v REPLACE
SDIFFSTORE d a b
SINTERCARD 2 a b LIMIT 3
SMOVE a b m
SORT k
SORT k BY w_* LIMIT 0 5 GET # GET o_* DESC ALPHA
SORT k BY STORE
SORT k BY w_* LIMIT 0 5 STORE d
SORT k STORE d STORE e
SORT_RO k BY w_* GET o_*
SPUBLISH c m
TOUCH a b
UNLINK a b
VADD k VALUES 2 1 2 e
VSIM k ELE e COUNT 2
WATCH a b
XADD k MAXLEN 10 * f v
XGROUP CREATE k g $ MKSTREAM
XGROUP CREATECONSUMER k g c
XGROUP DELCONSUMER k g c
XGROUP DESTROY k g
XGROUP SETID k g 0
XGROUP HELP
XINFO CONSUMERS k g
XINFO GROUPS k
XINFO STREAM k FULL COUNT 2
XREAD STREAMS a 0
XREAD COUNT 1 BLOCK 2 STREAMS a b 0 0
XREAD BLOCK 2 streams a b c 0 0 $
XREADGROUP GROUP g c STREAMS a >
XREADGROUP GROUP g c COUNT 1 BLOCK 2 NOACK STREAMS a b > 0
XREADGROUP GROUP STREAMS c STREAMS a >
ZADD k NX GT CH 1 m
ZDIFF 2 a b WITHSCORES
ZDIFFSTORE d 2 a b
ZINTER 2 a b WEIGHTS 1 2 AGGREGATE MIN WITHSCORES
ZINTERCARD 2 a b LIMIT 1
ZINTERSTORE d 2 a b WEIGHTS 1 2
ZMPOP 2 a b MAX COUNT 2
ZRANGESTORE d s 0 -1 BYSCORE REV LIMIT 0 1
ZUNION 1 a
ZUNIONSTORE d 3 a b c AGGREGATE SUM
";

/// The lines above, and some made up for every command of the table, by an order of chance that is always the same.
pub(crate) fn all_lines() -> Vec<Line> {
    let valid = VALID.lines().filter(|line| !line.is_empty()).map(|line| {
        let words = line.split(' ');
        words
            .map(|word| if word == "|" { "" } else { word }.to_owned())
            .collect()
    });
    let mut chance = fastrand::Rng::with_seed(4);
    let mut lines: Vec<Line> = valid.collect();
    for info in all() {
        let count = if info.key_specs().is_empty() {
            3
        } else {
            LINES
        };
        lines.extend((0..count).map(|extra| made_up(info, extra % 9, &mut chance)));
    }
    lines
}

/// A line with as many arguments as the command takes at least, and `extra` more.
fn made_up(info: &CommandInfo, extra: usize, chance: &mut fastrand::Rng) -> Line {
    let mut line: Line = info.name().split(' ').map(str::to_owned).collect();
    let least = usize::from(info.arity().unsigned_abs());
    let extra = if info.arity() < 0 { extra } else { 0 };
    for position in line.len()..least + extra {
        // Words of their own, so that one cannot be taken for another.
        line.push(match chance.u8(..3) {
            0 => chance.choice(WORDS).copied().unwrap_or_default().to_owned(),
            _ => format!("w{position}"),
        });
    }
    // Most lines are to be such as the command expects.
    for spec in info.key_specs() {
        if chance.u8(..4) == 0 {
            continue;
        }
        let start = match spec.begin {
            BeginSearch::Index(index) => index.into(),
            BeginSearch::Keyword { word, start_from } => {
                let from = usize::try_from(start_from).unwrap_or(least);
                let at = from + chance.usize(..3);
                if let Some(argument) = line.get_mut(at) {
                    *argument = word.to_owned();
                }
                at + 1
            }
            BeginSearch::Unknown => continue,
        };
        if let FindKeys::KeyNum { index, .. } = spec.find
            && let Some(argument) = line.get_mut(start + usize::from(index))
        {
            *argument = chance.u8(..4).to_string();
        }
    }
    line
}
