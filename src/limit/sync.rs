//! What the gate is made of, in a place of its own: `tests/gate_model.rs` compiles the gate with what a model checker can
//! see through.

pub(super) use std::sync::Arc;
pub(super) use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use parking_lot::Mutex;
