//! What applications attach to a command for their own layers.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

/// A map from types to values, carried by a [`Command`](super::Command) through the stack.
///
/// Meant for the application's layers: a tenant, a priority, a trace context. A clone of the command shares the
/// values. It holds few values, so it is searched in order.
#[derive(Clone, Default)]
pub struct Extensions {
    values: Vec<(TypeId, Arc<dyn Any + Send + Sync>)>,
}

impl Extensions {
    /// Adds a value, in place of one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        self.values.retain(|(other, _)| *other != id);
        self.values.push((id, Arc::new(value)));
    }

    /// The value of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        let (_, value) = self.values.iter().find(|(other, _)| *other == id)?;
        value.downcast_ref()
    }

    /// Removes the value of this type, and says whether there was one.
    pub fn remove<T: Any + Send + Sync>(&mut self) -> bool {
        let before = self.values.len();
        self.values.retain(|(id, _)| *id != TypeId::of::<T>());
        self.values.len() < before
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds those values of `other` of whose types there are none.
    pub(crate) fn inherit(&mut self, other: &Self) {
        for (id, value) in &other.values {
            if !self.values.iter().any(|(own, _)| own == id) {
                self.values.push((*id, Arc::clone(value)));
            }
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions")
            .field("len", &self.values.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_type() {
        let mut extensions = Extensions::default();
        extensions.insert(1u32);
        extensions.insert("tenant");
        extensions.insert(2u32);
        assert_eq!(extensions.get::<u32>(), Some(&2));
        assert_eq!(extensions.get::<&str>(), Some(&"tenant"));
        assert!(extensions.remove::<u32>() && !extensions.remove::<u32>());
        assert_eq!(extensions.get::<u32>(), None);
    }
}
