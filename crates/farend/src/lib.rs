//! The `farend` crate.
