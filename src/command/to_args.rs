//! What can be an argument of a command.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::contents::Contents;

/// A value that can be written as one or more arguments of a [`Command`](super::Command).
///
/// Implemented for strings, byte strings, integers, floats and `bool` (as `1` and `0`), which are one argument
/// each; for slices, arrays, `Vec`s, sets and tuples, which are their elements; for maps, which are their keys
/// and values in turn; for `Option`, which is nothing when `None`; and for references and smart pointers to all of
/// them.
///
/// Large values are not copied when handed over as `Vec<u8>`, `String` or [`Bytes`].
///
/// ```
/// use tower_redis_cluster::cmd;
///
/// let command = cmd("ZADD").arg("scores").arg([(1.5, "ann"), (2.0, "bob")]);
/// assert_eq!(command.args().count(), 6);
/// ```
pub trait ToArgs {
    /// Writes the arguments.
    fn write_args(&self, out: &mut ArgWriter<'_>);

    /// As [`write_args`](ToArgs::write_args), where the value is no longer needed.
    #[doc(hidden)]
    fn into_args(self, out: &mut ArgWriter<'_>)
    where
        Self: Sized,
    {
        self.write_args(out);
    }

    // Lets `u8` make one argument of a slice or `Vec`, where all others make one of each element.
    #[doc(hidden)]
    fn slice_args(items: &[Self], out: &mut ArgWriter<'_>)
    where
        Self: Sized,
    {
        for item in items {
            item.write_args(out);
        }
    }

    #[doc(hidden)]
    fn vec_args(items: Vec<Self>, out: &mut ArgWriter<'_>)
    where
        Self: Sized,
    {
        for item in items {
            item.into_args(out);
        }
    }
}

/// Where [`ToArgs`] writes arguments to.
pub struct ArgWriter<'a> {
    pub(super) contents: &'a mut Contents,
    pub(super) are_keys: bool,
}

impl ArgWriter<'_> {
    /// Writes one argument.
    pub fn put(&mut self, argument: impl AsRef<[u8]>) {
        self.contents.push(argument.as_ref(), self.are_keys);
    }

    fn put_float(&mut self, text: &str, is_nan: bool) {
        if is_nan {
            self.contents.before_nan();
        }
        self.put(text);
    }

    /// Writes one argument, which is not copied if it is large.
    pub fn put_bytes(&mut self, argument: impl Into<Bytes>) {
        self.contents.push_bytes(argument.into(), self.are_keys);
    }
}

/// Shows how many arguments there are; never their contents, which may be secrets.
impl fmt::Debug for ArgWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgWriter")
            .field("args", &(self.contents.args.count() - 1))
            .finish_non_exhaustive()
    }
}

/// No arguments.
impl ToArgs for () {
    fn write_args(&self, _: &mut ArgWriter<'_>) {}
}

impl ToArgs for str {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self);
    }
}

impl ToArgs for String {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self);
    }

    fn into_args(self, out: &mut ArgWriter<'_>) {
        out.put_bytes(self);
    }
}

impl ToArgs for Bytes {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put_bytes(self.clone());
    }
}

impl ToArgs for bool {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(if *self { "1" } else { "0" });
    }
}

impl ToArgs for char {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(self.encode_utf8(&mut [0; 4]));
    }
}

impl ToArgs for u8 {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(itoa::Buffer::new().format(*self));
    }

    fn slice_args(items: &[Self], out: &mut ArgWriter<'_>) {
        out.put(items);
    }

    fn vec_args(items: Vec<Self>, out: &mut ArgWriter<'_>) {
        out.put_bytes(items);
    }
}

macro_rules! integers {
    ($($number:ty),*) => {$(
        impl ToArgs for $number {
            fn write_args(&self, out: &mut ArgWriter<'_>) {
                out.put(itoa::Buffer::new().format(*self));
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u16, u32, u64, u128, usize);

macro_rules! floats {
    ($($number:ty),*) => {$(
        impl ToArgs for $number {
            fn write_args(&self, out: &mut ArgWriter<'_>) {
                out.put_float(ryu::Buffer::new().format(*self), self.is_nan());
            }
        }
    )*};
}

floats!(f32, f64);

impl<T: ToArgs + ?Sized> ToArgs for &T {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (**self).write_args(out);
    }
}

impl<T: ToArgs + ToOwned + ?Sized> ToArgs for Cow<'_, T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (**self).write_args(out);
    }
}

impl<T: ToArgs + ?Sized> ToArgs for Box<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (**self).write_args(out);
    }
}

impl<T: ToArgs + ?Sized> ToArgs for Arc<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        (**self).write_args(out);
    }
}

impl<T: ToArgs> ToArgs for Option<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        if let Some(value) = self {
            value.write_args(out);
        }
    }

    fn into_args(self, out: &mut ArgWriter<'_>) {
        if let Some(value) = self {
            value.into_args(out);
        }
    }
}

impl<T: ToArgs> ToArgs for [T] {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        T::slice_args(self, out);
    }
}

impl<T: ToArgs, const N: usize> ToArgs for [T; N] {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        T::slice_args(self, out);
    }
}

impl<T: ToArgs> ToArgs for Vec<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        T::slice_args(self, out);
    }

    fn into_args(self, out: &mut ArgWriter<'_>) {
        T::vec_args(self, out);
    }
}

impl<T: ToArgs, S> ToArgs for HashSet<T, S> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.iter().for_each(|item| item.write_args(out));
    }
}

impl<T: ToArgs> ToArgs for BTreeSet<T> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.iter().for_each(|item| item.write_args(out));
    }
}

impl<K: ToArgs, V: ToArgs, S> ToArgs for HashMap<K, V, S> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.iter().for_each(|pair| pair.write_args(out));
    }
}

impl<K: ToArgs, V: ToArgs> ToArgs for BTreeMap<K, V> {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        self.iter().for_each(|pair| pair.write_args(out));
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: ToArgs),+> ToArgs for ($($name,)+) {
            #[allow(non_snake_case, reason = "the type parameters name the fields")]
            fn write_args(&self, out: &mut ArgWriter<'_>) {
                let ($($name,)+) = self;
                $($name.write_args(out);)+
            }

            #[allow(non_snake_case, reason = "the type parameters name the fields")]
            fn into_args(self, out: &mut ArgWriter<'_>) {
                let ($($name,)+) = self;
                $($name.into_args(out);)+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd;

    fn args(value: impl ToArgs) -> Vec<String> {
        let text = |argument| String::from_utf8_lossy(argument).into_owned();
        cmd("X").arg(value).args().skip(1).map(text).collect()
    }

    #[test]
    fn scalars_are_one_argument() {
        assert_eq!(args(-5i64), ["-5"]);
        assert_eq!(args(7u8), ["7"]);
        assert_eq!(args(1.5), ["1.5"]);
        assert_eq!(args(true), ["1"]);
        assert_eq!(args("text"), ["text"]);
        assert_eq!(args(String::from("text")), ["text"]);
        assert_eq!(args(Arc::<str>::from("text")), ["text"]);
        assert_eq!(args(Box::<[u8]>::from(*b"text")), ["text"]);
        assert_eq!(args(Cow::Borrowed(&b"text"[..])), ["text"]);
    }

    #[test]
    fn bytes_are_one_argument_and_other_lists_one_each() {
        assert_eq!(args(b"ab"), ["ab"]);
        assert_eq!(args(b"ab".to_vec()), ["ab"]);
        assert_eq!(args(&b"ab"[..]), ["ab"]);
        assert_eq!(args(vec![1, 2]), ["1", "2"]);
        assert_eq!(args(["a", "b"]), ["a", "b"]);
        assert_eq!(args([("a", 1), ("b", 2)].as_slice()), ["a", "1", "b", "2"]);
        assert_eq!(args(BTreeMap::from([("k", "v")])), ["k", "v"]);
    }

    #[test]
    fn none_is_nothing() {
        assert_eq!(args(None::<&str>), [""; 0]);
        assert_eq!(args(("a", Some("b"), None::<i32>)), ["a", "b"]);
    }
}
