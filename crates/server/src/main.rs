//! The `sibai` program: everything is in the library.

use std::process::ExitCode;

/// What a call holds is made on one thread and given back on another. The system's allocator keeps what a start or a busy
/// hour took; this one gives it back. A call's CPU is the same with both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::run()
}
