//! The wire protocol: an incremental decoder and an encoder for RESP2 and RESP3.
//!
//! [`Decoder`] turns bytes into [`Value`]s as they arrive, in pieces of any size, and takes up where it stopped.
//! [`encode()`] turns values into bytes, as a server does: it is for fakes and tests. Commands do not pass through
//! it, since a [`Command`](crate::Command) is encoded as it is built.
//!
//! Applications that talk to a cluster need none of this; a proxy, a fake server or a fuzz target does.
//!
//! ```
//! use bytes::BytesMut;
//! use tower_redis_cluster::Value;
//! use tower_redis_cluster::resp::{Decoder, Limits, Version, encode};
//!
//! let mut decoder = Decoder::new(Limits::default());
//! let mut buf = BytesMut::from(&b"*2\r\n$5\r\nhel"[..]);
//! assert_eq!(decoder.decode(&mut buf)?, None);
//! assert_eq!(decoder.bytes_needed(), 4);
//!
//! buf.extend_from_slice(b"lo\r\n:7\r\n");
//! let reply = decoder.decode(&mut buf)?;
//! let expected = Value::Array(vec![Value::BulkString("hello".into()), Value::Integer(7)]);
//! assert_eq!(reply.as_ref(), Some(&expected));
//!
//! let mut out = BytesMut::new();
//! encode(&expected, Version::Resp3, &mut out);
//! assert_eq!(&out[..], b"*2\r\n$5\r\nhello\r\n:7\r\n");
//! # Ok::<_, tower_redis_cluster::resp::ProtocolError>(())
//! ```
//!
//! [`Value`]: crate::Value

mod decode;
mod encode;
mod error;
mod limits;
mod line;
mod open;
mod stack;

pub use self::decode::Decoder;
pub use self::encode::encode;
pub(crate) use self::encode::format_double;
pub use self::error::ProtocolError;
pub use self::limits::Limits;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// What every server speaks on a new connection.
    Resp2,
    /// What a connection speaks after `HELLO 3`.
    Resp3,
}
