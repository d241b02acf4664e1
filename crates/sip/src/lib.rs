//! The `sip` crate.
