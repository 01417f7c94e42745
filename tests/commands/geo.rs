//! Places on a map.

use tower_redis_cluster::Value::{Array, Double, Integer, Nil};
use tower_redis_cluster::cluster::commands::{
    GeoCentre, GeoPosition, GeoSearch, GeoUnit, ZAddOptions,
};

use crate::mock::{bulk, bulks, checks, rows, strings};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let place = GeoPosition::new(13.5, 38.25);
    let near = || GeoSearch::radius(place, 200.0, GeoUnit::Kilometres);
    let around = || GeoSearch::rectangle(GeoCentre::member("b"), 4.0, 2.5, GeoUnit::Miles);
    let pairs = || vec![("a".to_owned(), 190.5)];
    let mut sent = rows! {
        geoadd("g", (place, "a")) => "GEOADD g 13.5 38.25 a", Integer(1) => 1;
        geoadd("g", [(place, "a"), ((1.0, 2.0).into(), "b")])
            => "GEOADD g 13.5 38.25 a 1.0 2.0 b", Integer(2) => 2;
        geoadd("g", (13.5, 38.25, "a")) => "GEOADD g 13.5 38.25 a", Integer(1) => 1;
        geoadd_with("g", (place, "a"), ZAddOptions::new().only_if_present().counts_changed())
            => "GEOADD g XX CH 13.5 38.25 a", Integer(1) => 1;
        geodist("g", "a", "b", GeoUnit::Metres) => "GEODIST g a b M", bulk("166.25") => Some(166.25);
        geodist("g", "a", "x", GeoUnit::Feet) => "GEODIST g a x FT", Nil => None;
        geohash("g", ["a", "x"])
            => "GEOHASH g a x", Array(vec![bulk("sqc8b49rny0"), Nil])
            => vec![Some("sqc8b49rny0".to_owned()), None];
        geopos("g", ["a", "b", "x"])
            => "GEOPOS g a b x",
            Array(vec![Array(vec![Double(13.5), Double(38.25)]), bulks(["13.5", "38.25"]), Nil])
            => vec![Some(place), Some(place), None];
        geosearch("g", near().nearest_first().count(3))
            => "GEOSEARCH g FROMLONLAT 13.5 38.25 BYRADIUS 200.0 KM ASC COUNT 3",
            bulks(["a", "b"]) => strings(["a", "b"]);
        geosearch("g", around().farthest_first().count_any(3))
            => "GEOSEARCH g FROMMEMBER b BYBOX 4.0 2.5 MI DESC COUNT 3 ANY",
            bulks([]) => strings([]);
        geosearch("g", GeoSearch::polygon([(0.0, 0.0), (1.0, 0.0), (0.0, 1.5)]))
            => "GEOSEARCH g BYPOLYGON 3 0.0 0.0 1.0 0.0 0.0 1.5", bulks(["a"]) => strings(["a"]);
        geosearch_withdist("g", near())
            => "GEOSEARCH g FROMLONLAT 13.5 38.25 BYRADIUS 200.0 KM WITHDIST",
            Array(vec![bulks(["a", "190.5"])]) => pairs();
        geosearchstore("{g}a", "{g}b", around())
            => "GEOSEARCHSTORE {g}a {g}b FROMMEMBER b BYBOX 4.0 2.5 MI", Integer(2) => 2;
        geosearchstore_dist("{g}a", "{g}b", around())
            => "GEOSEARCHSTORE {g}a {g}b FROMMEMBER b BYBOX 4.0 2.5 MI STOREDIST", Integer(2) => 2;
    };
    let position = Array(vec![Double(13.5), Double(38.25)]);
    let found = Array(vec![bulk("a"), bulk("190.5"), Integer(7), position]);
    sent.extend(checks! {
        geosearch_found::<String>("g", GeoSearch::radius(place, 1.0, GeoUnit::Miles))
            => "GEOSEARCH g FROMLONLAT 13.5 38.25 BYRADIUS 1.0 MI WITHCOORD WITHDIST WITHHASH",
            Array(vec![found]) => |found| {
                assert_eq!((found[0].member.as_str(), found[0].distance), ("a", 190.5));
                assert_eq!((found[0].hash, found[0].position), (7, place));
            };
    });
    sent
}
