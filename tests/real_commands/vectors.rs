//! Vector sets.

use tower_redis_cluster::Value;
use tower_redis_cluster::cluster::commands::{Quantization, VAddOptions, VSimOptions, VectorQuery};

use crate::Server;

pub(crate) async fn replies(server: &Server) {
    if !server.has("VADD").await {
        return;
    }
    let (cluster, key) = (&server.cluster, &server.key("vectors"));
    let exact = || VAddOptions::new().quantization(Quantization::None);
    let options = exact().attributes(r#"{"n":1}"#).effort(100).in_background();
    assert!(
        cluster
            .vadd_with(key, [1.0, 0.0], "a", options)
            .await
            .unwrap()
    );
    assert!(
        cluster
            .vadd_with(key, [0.0, 1.0], "b", exact())
            .await
            .unwrap()
    );
    assert!(
        !cluster
            .vadd_with(key, [0.0, 1.0], "b", exact())
            .await
            .unwrap()
    );
    let small = &server.key("small vectors");
    let options = VAddOptions::new().reduces_to(1).links(8);
    assert!(
        cluster
            .vadd_with(small, [1.0, 0.5], "a", options)
            .await
            .unwrap()
    );
    assert!(
        cluster
            .vadd(server.key("default"), [1.0], "a")
            .await
            .unwrap()
    );

    assert_eq!(cluster.vcard(key).await.unwrap(), 2);
    assert_eq!(cluster.vdim(key).await.unwrap(), 2);
    assert_eq!(cluster.vemb(key, "a").await.unwrap(), Some(vec![1.0, 0.0]));
    assert_eq!(cluster.vemb(key, "none").await.unwrap(), None);
    let raw: Option<(String, Vec<u8>, f64)> = cluster.vemb_raw(key, "a").await.unwrap();
    let raw = raw.unwrap();
    assert_eq!((raw.0.as_str(), raw.1.len(), raw.2), ("f32", 8, 1.0));

    let attributes: Option<String> = cluster.vgetattr(key, "a").await.unwrap();
    assert_eq!(attributes.as_deref(), Some(r#"{"n":1}"#));
    assert_eq!(
        cluster.vgetattr::<Option<String>>(key, "b").await.unwrap(),
        None
    );
    assert!(cluster.vsetattr(key, "b", r#"{"n":2}"#).await.unwrap());
    assert!(!cluster.vsetattr(key, "none", "{}").await.unwrap());

    let info = cluster.vinfo(key).await.unwrap().unwrap();
    assert_eq!(
        (info.quantization, info.len, info.dimensions),
        (Some(Quantization::None), 2, 2)
    );
    assert_eq!((info.links, info.attributes), (Some(16), Some(2)));
    let info = cluster.vinfo(server.key("default")).await.unwrap().unwrap();
    assert_eq!(info.quantization, Some(Quantization::Q8));
    assert_eq!(cluster.vinfo(server.key("missing")).await.unwrap(), None);

    let links: Option<Vec<Vec<String>>> = cluster.vlinks(key, "a").await.unwrap();
    assert_eq!(links.unwrap().last().unwrap(), &["b"]);
    let links: Option<Vec<Vec<(String, f64)>>> = cluster.vlinks_withscores(key, "a").await.unwrap();
    assert_eq!(links.unwrap().last().unwrap(), &[("b".to_owned(), 0.5)]);
    assert_eq!(
        cluster.vlinks::<Option<Value>>(key, "none").await.unwrap(),
        None
    );
    let random: Option<String> = cluster.vrandmember(key).await.unwrap();
    assert!(random.is_some());
    let random: Vec<String> = cluster.vrandmember_count(key, -5).await.unwrap();
    assert_eq!(random.len(), 5);

    search(server, key).await;
    if server.has("VISMEMBER").await {
        assert!(cluster.vismember(key, "a").await.unwrap());
    }
    if server.has("VRANGE").await {
        let range: Vec<String> = cluster.vrange(key, "a".."b", -1).await.unwrap();
        assert_eq!(range, ["a"]);
        let range: Vec<String> = cluster.vrange(key, .., 1).await.unwrap();
        assert_eq!(range, ["a"]);
    }
    assert!(cluster.vrem(key, "a").await.unwrap());
    assert!(!cluster.vrem(key, "a").await.unwrap());
}

async fn search(server: &Server, key: &str) {
    let cluster = &server.cluster;
    let options = VSimOptions::new;
    let like_a = || VectorQuery::element("a");
    let found: Vec<String> = cluster.vsim(key, like_a(), options()).await.unwrap();
    assert_eq!(found, ["a", "b"]);
    let query = VectorQuery::vector([0.0, 1.0]);
    let found: Vec<String> = cluster
        .vsim(key, query, options().count(1).exact())
        .await
        .unwrap();
    assert_eq!(found, ["b"]);
    let filtered = options()
        .filter(".n == 2")
        .filter_effort(100)
        .in_main_thread()
        .effort(9);
    let found: Vec<String> = cluster.vsim(key, like_a(), filtered).await.unwrap();
    assert_eq!(found, ["b"]);
    let found: Vec<(String, f64)> = cluster
        .vsim_withscores(key, like_a(), options())
        .await
        .unwrap();
    assert_eq!(found, [("a".to_owned(), 1.0), ("b".to_owned(), 0.5)]);
    if server.has("VISMEMBER").await {
        let found = cluster
            .vsim_matches::<String>(key, like_a(), options())
            .await
            .unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|found| (found.element, found.score, found.attributes))
            .collect();
        let attributes = |text: &str| Some(text.to_owned());
        assert_eq!(found[0], ("a".to_owned(), 1.0, attributes(r#"{"n":1}"#)));
        assert_eq!(found[1], ("b".to_owned(), 0.5, attributes(r#"{"n":2}"#)));
        let near = options().max_distance(0.1);
        let found: Vec<String> = cluster.vsim(key, like_a(), near).await.unwrap();
        assert_eq!(found, ["a"]);
    }
}
