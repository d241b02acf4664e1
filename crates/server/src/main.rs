//! The `sibai` program: everything is in the library.

use std::process::ExitCode;

/// What a call holds is made on one thread and given back on another: the system's allocator pays for that with an eighth
/// of a call's CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::run()
}
