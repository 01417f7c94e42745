//! Vector sets.

use tower_redis_cluster::Value::{Array, Boolean, Double, Integer, Map, Nil, SimpleString};
use tower_redis_cluster::cluster::commands::{Quantization, VAddOptions, VSimOptions, VectorQuery};

use crate::mock::{bulk, bulks, checks, rows, strings, text};

/// 0.5 and 0 as bytes that are text too.
const VECTOR: [f32; 2] = [0.5, 0.0];
const BYTES: &str = "\0\0\0?\0\0\0\0";

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let pairs = || vec![("a".to_owned(), 1.0), ("b".to_owned(), 0.5)];
    let options = || VSimOptions::new();
    let like = || VectorQuery::element("a");
    let mut sent = rows! {
        vadd("v", VECTOR, "a") => "VADD v FP32 \0\0\0?\0\0\0\0 a", Boolean(true) => true;
        vadd("v", vec![0.5; 1], "a") => "VADD v FP32 \0\0\0? a", Integer(0) => false;
        vadd_with("v", VECTOR, "a", VAddOptions::new().reduces_to(1).in_background().effort(300))
            => "VADD v REDUCE 1 FP32 \0\0\0?\0\0\0\0 a CAS EF 300", Boolean(true) => true;
        vadd_with("v", VECTOR, "a",
            VAddOptions::new().quantization(Quantization::Binary).attributes("{}").links(8))
            => "VADD v FP32 \0\0\0?\0\0\0\0 a BIN SETATTR {} M 8", Boolean(true) => true;
        vcard("v") => "VCARD v", Integer(2) => 2;
        vdim("v") => "VDIM v", Integer(2) => 2;
        vemb("v", "a") => "VEMB v a", bulks(["0.5", "0"]) => Some(vec![0.5, 0.0]);
        vemb("v", "x") => "VEMB v x", Nil => None;
        vemb_raw("v", "a")
            => "VEMB v a RAW", Array(vec![SimpleString("f32".into()), bulk(BYTES), Double(0.5)])
            => ("f32".to_owned(), BYTES.to_owned(), 0.5);
        vgetattr("v", "a") => "VGETATTR v a", bulk("{}") => text("{}");
        vismember("v", "a") => "VISMEMBER v a", Boolean(true) => true;
        vlinks("v", "a") => "VLINKS v a", Array(vec![bulks(["b"])]) => Some(vec![strings(["b"])]);
        vlinks_withscores("v", "a")
            => "VLINKS v a WITHSCORES", Array(vec![Map(vec![(bulk("b"), Double(0.5))])])
            => Some(vec![vec![("b".to_owned(), 0.5)]]);
        vrandmember("v") => "VRANDMEMBER v", bulk("a") => text("a");
        vrandmember_count("v", -2) => "VRANDMEMBER v -2", bulks(["a", "a"]) => strings(["a", "a"]);
        vrange("v", "a".."c", 9) => "VRANGE v [a (c 9", bulks(["a", "b"]) => strings(["a", "b"]);
        vrem("v", "a") => "VREM v a", Integer(1) => true;
        vsetattr("v", "a", "{}") => "VSETATTR v a {}", Boolean(true) => true;
        vsim("v", like(), options()) => "VSIM v ELE a", bulks(["a", "b"]) => strings(["a", "b"]);
        vsim("v", VectorQuery::vector(VECTOR), options().count(2).max_distance(0.25).effort(50))
            => "VSIM v FP32 \0\0\0?\0\0\0\0 COUNT 2 EPSILON 0.25 EF 50", bulks(["a"]) => strings(["a"]);
        vsim("v", like(), options().filter(".x > 1").filter_effort(100).exact().in_main_thread())
            => "VSIM v ELE a FILTER .x > 1 FILTER-EF 100 TRUTH NOTHREAD", bulks([]) => strings([]);
        vsim_withscores("v", like(), options())
            => "VSIM v ELE a WITHSCORES", bulks(["a", "1", "b", "0.5"]) => pairs();
    };
    let resp2 = Array(vec![
        bulk("a"),
        bulk("1"),
        bulk("{}"),
        bulk("b"),
        bulk("0.5"),
        Nil,
    ]);
    let resp3 = Map(vec![
        (bulk("a"), Array(vec![Double(1.0), bulk("{}")])),
        (bulk("b"), Array(vec![Double(0.5), Nil])),
    ]);
    for reply in [resp2, resp3] {
        sent.extend(checks! {
            vsim_matches::<String>("v", like(), options())
                => "VSIM v ELE a WITHSCORES WITHATTRIBS", reply => |found| {
                    let [first, second] = &found[..] else { panic!("{found:?}") };
                    assert_eq!((first.element.as_str(), first.score), ("a", 1.0));
                    assert_eq!((second.element.as_str(), second.score), ("b", 0.5));
                    assert_eq!((&first.attributes, &second.attributes), (&text("{}"), &None));
                };
        });
    }
    let fields = [
        ("quant-type", SimpleString("int8".into())),
        ("hnsw-m", Integer(16)),
        ("vector-dim", Integer(2)),
        ("size", Integer(3)),
        ("max-level", Integer(1)),
        ("attributes-count", Integer(4)),
    ];
    let fields = fields.map(|(name, value)| (SimpleString(name.into()), value));
    sent.extend(checks! {
        vinfo("v") => "VINFO v", Map(fields.into()) => |info| {
            let info = info.unwrap();
            assert_eq!(info.quantization, Some(Quantization::Q8));
            assert_eq!((info.len, info.dimensions, info.max_level), (3, 2, 1));
            assert_eq!((info.links, info.attributes), (Some(16), Some(4)));
        };
        vinfo("v") => "VINFO v", Nil => |info| assert_eq!(info, None);
    });
    sent
}
