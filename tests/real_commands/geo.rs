//! Places on a map, and what is beside them.

use tower_redis_cluster::cluster::commands::{
    GeoCentre, GeoPosition, GeoSearch, GeoUnit, ZAddOptions,
};

use crate::Server;

pub(crate) async fn replies(server: &Server) {
    let (cluster, key) = (&server.cluster, &server.key("geo"));
    let palermo = GeoPosition::new(13.361389, 38.115556);
    let catania = GeoPosition::new(15.087269, 37.502669);
    let places = [(palermo, "Palermo"), (catania, "Catania")];
    assert_eq!(cluster.geoadd(key, places).await.unwrap(), 2);
    let options = ZAddOptions::new().only_if_absent();
    assert_eq!(cluster.geoadd_with(key, places, options).await.unwrap(), 0);

    let unit = GeoUnit::Kilometres;
    let distance = cluster
        .geodist(key, "Palermo", "Catania", unit)
        .await
        .unwrap();
    assert!((distance.unwrap() - 166.27).abs() < 0.01);
    assert_eq!(
        cluster.geodist(key, "Palermo", "none", unit).await.unwrap(),
        None
    );
    let hashes = cluster.geohash(key, ["Palermo", "none"]).await.unwrap();
    assert_eq!(hashes, [Some("sqc8b49rny0".to_owned()), None]);
    let positions = cluster.geopos(key, ["Palermo", "none"]).await.unwrap();
    let is_near = |position: GeoPosition| (position.longitude - palermo.longitude).abs() < 1e-5;
    assert!(positions[0].is_some_and(is_near) && positions[1].is_none());

    let near = || GeoSearch::radius((15.0, 37.0), 200.0, unit);
    let found: Vec<String> = cluster
        .geosearch(key, near().nearest_first())
        .await
        .unwrap();
    assert_eq!(found, ["Catania", "Palermo"]);
    let found: Vec<(String, f64)> = cluster
        .geosearch_withdist(key, near().farthest_first().count(1))
        .await
        .unwrap();
    assert!(
        found[0].0 == "Palermo" && (found[0].1 - 190.44).abs() < 0.01,
        "{found:?}"
    );
    let found = cluster
        .geosearch_found::<String>(key, near().count_any(2))
        .await
        .unwrap();
    let palermo = found
        .iter()
        .find(|found| found.member == "Palermo")
        .unwrap();
    assert!((palermo.distance - 190.44).abs() < 0.01 && is_near(palermo.position));
    assert_eq!(palermo.hash, 3_479_099_956_230_698);
    let around = || GeoSearch::rectangle(GeoCentre::member("Catania"), 10.0, 10.0, unit);
    let found: Vec<String> = cluster.geosearch(key, around()).await.unwrap();
    assert_eq!(found, ["Catania"]);
    if server.has("DELIFEQ").await {
        let triangle = GeoSearch::polygon([(12.0, 36.0), (17.0, 36.0), (14.0, 40.0)]);
        let found: Vec<String> = cluster.geosearch(key, triangle).await.unwrap();
        assert_eq!(found.len(), 2);
    }

    let stored = &server.key("geo stored");
    assert_eq!(
        cluster.geosearchstore(stored, key, around()).await.unwrap(),
        1
    );
    assert!(cluster.geopos(stored, "Catania").await.unwrap()[0].is_some());
    assert_eq!(
        cluster
            .geosearchstore_dist(stored, key, near())
            .await
            .unwrap(),
        2
    );
    let distance = cluster.zscore(stored, "Palermo").await.unwrap().unwrap();
    assert!((distance - 190.44).abs() < 0.01, "{distance}");
}
