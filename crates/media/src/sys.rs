//! The few system calls the standard library lacks. All `unsafe` of the crate is in these four modules.

pub mod epoll;
pub mod limits;
pub mod map;
pub mod socket;
