//! Services that are used where they are kept, rather than moved out and back.

use std::mem;
use std::ops::{Deref, DerefMut};

/// Something that is used at its place. Unless it is [left](Self::leave) there, the place is empty afterwards: what panicked
/// while it was used is not used again.
pub(crate) struct InUse<'a, T>(&'a mut Option<T>);

const PRESENT: &str = "there while it is in use";

impl<'a, T> InUse<'a, T> {
    /// What is in this place, if there is anything.
    #[inline]
    pub(crate) fn get(place: &'a mut Option<T>) -> Option<Self> {
        place.is_some().then(|| Self(place))
    }

    /// What is in this place, or else is made for it.
    #[inline]
    pub(crate) fn get_or_make(place: &'a mut Option<T>, make: impl FnOnce() -> T) -> Self {
        place.get_or_insert_with(make);
        Self(place)
    }

    /// Leaves it to the next.
    #[inline]
    pub(crate) fn leave(self) {
        mem::forget(self);
    }

    /// Takes it out of its place.
    #[inline]
    pub(crate) fn take(self) -> T {
        self.0.take().expect(PRESENT)
    }
}

impl<T> Deref for InUse<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect(PRESENT)
    }
}

impl<T> DerefMut for InUse<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(PRESENT)
    }
}

impl<T> Drop for InUse<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn only_what_is_left_there_stays() {
        let mut place = None;
        assert!(InUse::get(&mut place).is_none());
        let mut used = InUse::get_or_make(&mut place, || 1);
        *used += 1;
        used.leave();
        assert_eq!(InUse::get_or_make(&mut place, || 7).take(), 2);
        assert_eq!(place, None);
        drop(InUse::get_or_make(&mut place, || 3));
        assert_eq!(place, None);
    }

    #[test]
    fn what_panics_is_not_used_again() {
        let mut place = Some(1);
        let used = catch_unwind(AssertUnwindSafe(|| {
            let used = InUse::get(&mut place).expect("there");
            assert_eq!(*used, 2);
            used.leave();
        }));
        assert!(used.is_err());
        assert_eq!(place, None);
    }
}
