//! Bits of strings.

use tower_redis_cluster::Value::{Array, Integer, Nil};
use tower_redis_cluster::cluster::commands::{
    BitField, BitInteger, BitOffset, BitOperation, BitRange, Overflow,
};

use crate::mock::{ints, rows};

#[tokio::test]
async fn methods_send_their_commands() {
    sent().await;
}

pub(crate) async fn sent() -> Vec<String> {
    let (byte, signed) = (BitInteger::unsigned(8), BitInteger::signed(64));
    let field = BitField::new;
    rows! {
        bitcount("b") => "BITCOUNT b", Integer(2) => 2;
        bitcount_range("b", 1..) => "BITCOUNT b 1 -1", Integer(2) => 2;
        bitcount_range("b", BitRange::bits(..10)) => "BITCOUNT b 0 9 BIT", Integer(2) => 2;
        bitpos("b", true) => "BITPOS b 1", Integer(7) => Some(7);
        bitpos("b", false) => "BITPOS b 0", Integer(-1) => None;
        bitpos_range("b", true, BitRange::bytes(2..5)) => "BITPOS b 1 2 4", Integer(17) => Some(17);
        bitpos_range("b", true, BitRange::bits((0, -2)))
            => "BITPOS b 1 0 -2 BIT", Integer(-1) => None;
        getbit("b", 9) => "GETBIT b 9", Integer(1) => true;
        setbit("b", 9, false) => "SETBIT b 9 0", Integer(1) => true;
        bitop(BitOperation::Xor, "{b}1", ["{b}2", "{b}3"])
            => "BITOP XOR {b}1 {b}2 {b}3", Integer(5) => 5;
        bitop(BitOperation::Diff1, "{b}1", ["{b}2", "{b}3"])
            => "BITOP DIFF1 {b}1 {b}2 {b}3", Integer(5) => 5;
        bitfield("b", field().set(byte, 0, 200).overflow(Overflow::Fail).incrby(byte, 0, 100))
            => "BITFIELD b SET u8 0 200 OVERFLOW FAIL INCRBY u8 0 100",
            Array(vec![Integer(7), Nil]) => vec![Some(7), None];
        bitfield("b", field().overflow(Overflow::Wrap).get(signed, BitOffset::index(2)))
            => "BITFIELD b OVERFLOW WRAP GET i64 #2", ints([-1]) => vec![Some(-1)];
        bitfield_ro("b", field().get(byte, 0).get(byte, 8))
            => "BITFIELD_RO b GET u8 0 GET u8 8", ints([1, 2]) => vec![1, 2];
    }
}
