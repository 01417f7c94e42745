//! The keys of a scan, one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;

use super::stream::ScanStream;
use crate::error::Error;

/// The keys of a whole cluster, one by one. From [`ScanStream::keys`].
#[must_use = "streams do nothing unless polled"]
pub struct ScanKeys {
    batches: ScanStream,
    keys: std::vec::IntoIter<Bytes>,
}

impl ScanKeys {
    pub(super) fn new(batches: ScanStream) -> Self {
        Self {
            batches,
            keys: Vec::new().into_iter(),
        }
    }
}

impl Stream for ScanKeys {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(key) = self.keys.next() {
                return Poll::Ready(Some(Ok(key)));
            }
            match ready!(Pin::new(&mut self.batches).poll_next(cx)) {
                Some(Ok(batch)) => self.keys = batch.keys.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for ScanKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanKeys")
            .field("batches", &self.batches)
            .field("keys", &self.keys.len())
            .finish()
    }
}
