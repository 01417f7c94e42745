//! The error types a retry policy can look into.

use tower::BoxError;

use crate::error::{Delivery, Error, ErrorKind};

/// The errors [`RetryPolicy`](super::RetryPolicy) can judge: [`Error`] and [`BoxError`].
///
/// It cannot be implemented for others. A layer below the retries whose error is of another type boxes it, with
/// [`MapErrLayer::new(BoxError::from)`](tower::util::MapErrLayer).
#[diagnostic::on_unimplemented(
    message = "the retry layer cannot look into the error `{Self}`",
    note = "what is below it must fail with `tower_redis_cluster::Error` or `tower::BoxError`"
)]
pub trait Failure: sealed::Sealed {
    /// Our error, or what another layer's error means in our terms.
    #[doc(hidden)]
    fn to_ours(&self) -> Error;

    /// Our error, unless another layer wrapped it.
    #[doc(hidden)]
    fn ours_mut(&mut self) -> Option<&mut Error>;

    /// Our error as one of this type.
    #[doc(hidden)]
    fn from_ours(error: Error) -> Self;
}

impl Failure for Error {
    fn to_ours(&self) -> Error {
        self.clone()
    }

    fn ours_mut(&mut self) -> Option<&mut Error> {
        Some(self)
    }

    fn from_ours(error: Error) -> Self {
        error
    }
}

impl Failure for BoxError {
    fn to_ours(&self) -> Error {
        Error::find(&**self).unwrap_or_else(|| {
            Error::not_sent(ErrorKind::Other, "a layer of the application failed")
                .with_delivery(Delivery::Unknown)
        })
    }

    fn ours_mut(&mut self) -> Option<&mut Error> {
        self.downcast_mut()
    }

    fn from_ours(error: Error) -> Self {
        error.into()
    }
}

mod sealed {
    use super::{BoxError, Error};

    pub trait Sealed {}

    impl Sealed for Error {}
    impl Sealed for BoxError {}
}
