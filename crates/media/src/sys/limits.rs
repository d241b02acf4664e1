//! Bounds of the own process, for one that looks at files of strangers and nothing else (FAULTS P5), and of a thread whose
//! work may wait.

use std::io;

/// Bounds memory, processor time and what may be written to files, and stands behind everybody else. It cannot be undone.
///
/// # Errors
/// The kernel took one of them not.
pub fn confine(memory_bytes_max: u64, cpu_s_max: u64) -> io::Result<()> {
    for (what, most) in
        [(libc::RLIMIT_AS, memory_bytes_max), (libc::RLIMIT_CPU, cpu_s_max), (libc::RLIMIT_FSIZE, 0)]
    {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the kernel reads one live rlimit.
        if unsafe { libc::setrlimit(what, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    stand_back();
    Ok(())
}

/// Has the calling thread stand behind all others that want the processor: what relays sound comes first.
pub fn stand_back() {
    // SAFETY: it takes a number and gives one, and is the calling thread's alone on Linux. That it could not be nicer is no
    // harm.
    let _ = unsafe { libc::nice(10) };
}
