//! The few system calls the standard library lacks. All `unsafe` of the crate is in these three modules.

pub mod epoll;
pub mod map;
pub mod socket;
