//! Bits of strings, and HyperLogLog.

use tower_redis_cluster::cluster::commands::{
    BitField, BitInteger, BitOffset, BitOperation, BitRange, Overflow,
};

use crate::Server;

pub(crate) async fn replies(server: &Server) {
    bits(server).await;
    fields(server).await;
    operations(server).await;
    counts(server).await;
}

async fn bits(server: &Server) {
    let (cluster, key) = (&server.cluster, &server.key("bits"));
    assert_eq!(cluster.bitpos(key, true).await.unwrap(), None);
    assert!(!cluster.setbit(key, 9, true).await.unwrap());
    assert!(cluster.setbit(key, 9, true).await.unwrap());
    assert!(cluster.getbit(key, 9).await.unwrap());
    assert_eq!(cluster.bitcount(key).await.unwrap(), 1);
    assert_eq!(cluster.bitcount_range(key, 1..).await.unwrap(), 1);
    assert_eq!(
        cluster
            .bitcount_range(key, BitRange::bits(..9))
            .await
            .unwrap(),
        0
    );
    assert_eq!(cluster.bitpos(key, true).await.unwrap(), Some(9));
    assert_eq!(cluster.bitpos_range(key, true, ..1).await.unwrap(), None);
    let range = BitRange::bits(9..);
    assert_eq!(
        cluster.bitpos_range(key, false, range).await.unwrap(),
        Some(10)
    );
}

async fn fields(server: &Server) {
    let (cluster, key) = (&server.cluster, &server.key("fields"));
    let (byte, signed) = (BitInteger::unsigned(8), BitInteger::signed(5));
    let operations = BitField::new()
        .set(byte, 0, 250)
        .incrby(byte, 0, 10)
        .overflow(Overflow::Saturate)
        .incrby(byte, 0, 300)
        .overflow(Overflow::Fail)
        .incrby(byte, 0, 1)
        .set(signed, BitOffset::index(3), -3)
        .get(signed, 15);
    let results = cluster.bitfield(key, operations).await.unwrap();
    assert_eq!(
        results,
        [Some(0), Some(4), Some(255), None, Some(0), Some(-3)]
    );
    let get = BitField::new().get(byte, 0).get(signed, 15);
    assert_eq!(cluster.bitfield_ro(key, get).await.unwrap(), [255, -3]);
}

async fn operations(server: &Server) {
    let (cluster, result) = (&server.cluster, &server.key("result"));
    let keys = [server.key("first"), server.key("second")];
    cluster
        .mset([(&keys[0], "\x0f"), (&keys[1], "\x3c")])
        .await
        .unwrap();
    let mut operations = vec![
        (BitOperation::And, 0x0c),
        (BitOperation::Or, 0x3f),
        (BitOperation::Xor, 0x33),
    ];
    if server.has("XDELEX").await {
        operations.extend([
            (BitOperation::Diff, 0x03),
            (BitOperation::Diff1, 0x30),
            (BitOperation::AndOr, 0x0c),
            (BitOperation::One, 0x33),
        ]);
    }
    for (operation, expected) in operations {
        assert_eq!(cluster.bitop(operation, result, &keys).await.unwrap(), 1);
        let byte: Vec<u8> = cluster.get(result).await.unwrap();
        assert_eq!(byte, [expected], "{operation:?}");
    }
    assert_eq!(
        cluster
            .bitop(BitOperation::Not, result, &keys[0])
            .await
            .unwrap(),
        1
    );
    assert_eq!(cluster.get::<Vec<u8>>(result).await.unwrap(), [0xf0]);
}

async fn counts(server: &Server) {
    let cluster = &server.cluster;
    let keys = [server.key("monday"), server.key("tuesday")];
    assert!(cluster.pfadd(&keys[0], ["ann", "bob"]).await.unwrap());
    assert!(!cluster.pfadd(&keys[0], "ann").await.unwrap());
    assert!(cluster.pfadd(&keys[1], ["bob", "eve"]).await.unwrap());
    assert_eq!(cluster.pfcount(&keys[0]).await.unwrap(), 2);
    assert_eq!(cluster.pfcount(&keys).await.unwrap(), 3);
    let both = server.key("both");
    cluster.pfmerge(&both, &keys).await.unwrap();
    assert_eq!(cluster.pfcount(&both).await.unwrap(), 3);
}
