//! Files mapped into memory, shared with whoever maps or reads them too; what is written survives SIGKILL.
//! It refuses to know what the octets mean.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

/// A whole file, writable in memory. Its room on the disk is reserved before, so no write can fail.
pub struct Map {
    start: *mut u8,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone and may be used from whichever thread holds it.
unsafe impl Send for Map {}

impl Map {
    /// Reserves `len` octets on the disk for `file` and maps them. A file that is longer keeps its end unmapped.
    ///
    /// # Errors
    /// Those of posix_fallocate(3), above all no space; and of mmap(2).
    pub fn reserve(file: &File, len: usize) -> io::Result<Map> {
        // SAFETY: no pointer is passed.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len as libc::off_t) } {
            0 => {}
            code => return Err(io::Error::from_raw_os_error(code)),
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping of an open file; its `len` octets exist since they were reserved.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Touches every page now, so that the first write to each later is no fault on the thread that carries
        // RTP. A kernel before 5.14 does not know this and faults then.
        // SAFETY: exactly the range mapped above.
        unsafe { libc::madvise(start, len, libc::MADV_POPULATE_WRITE) };
        Ok(Map { start: start.cast(), len })
    }

    /// Its size in octets.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no octets.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies octets to a place in the file.
    ///
    /// # Panics
    /// If they do not fit.
    #[inline]
    pub fn write(&mut self, at: usize, octets: &[u8]) {
        assert!(at <= self.len && octets.len() <= self.len - at, "a write beyond the mapping");
        // SAFETY: the range lies in the mapping, which `&mut self` gives to us alone in this process.
        unsafe { std::ptr::copy_nonoverlapping(octets.as_ptr(), self.start.add(at), octets.len()) };
    }

    /// Writes a little-endian number after everything written before it: whoever finds it finds that too.
    ///
    /// # Panics
    /// If it does not fit or `at` is not a multiple of four.
    #[inline]
    pub fn commit(&mut self, at: usize, number: u32) {
        assert!(at.is_multiple_of(4) && at + 4 <= self.len, "a commit beyond the mapping");
        // SAFETY: the place lies in the mapping, is aligned (a mapping starts at a page) and live.
        let place = unsafe { AtomicU32::from_ptr(self.start.add(at).cast()) };
        place.store(number.to_le(), Ordering::Release);
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: exactly the range mapped by `reserve`, which nothing borrows any more.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// Writes everything of the file's whole file system to the disk.
///
/// # Errors
/// Those of syncfs(2).
pub fn sync_filesystem(file: &File) -> io::Result<()> {
    // SAFETY: no pointer is passed.
    if unsafe { libc::syncfs(file.as_raw_fd()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Octets still free on the file's file system, for users without privileges.
///
/// # Errors
/// Those of fstatvfs(3).
pub fn free_bytes(file: &File) -> io::Result<u64> {
    let mut numbers = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the kernel writes one statvfs into room for one.
    if unsafe { libc::fstatvfs(file.as_raw_fd(), numbers.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled by the call above.
    let numbers = unsafe { numbers.assume_init() };
    Ok(numbers.f_bavail * numbers.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    fn file(name: &str) -> (std::path::PathBuf, File) {
        let path = std::env::temp_dir().join(format!("media-map-{name}-{}", std::process::id()));
        let file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).expect("a file");
        (path, file)
    }

    #[test]
    fn what_is_written_is_read_from_the_file() {
        let (path, file) = file("write");
        let mut map = Map::reserve(&file, 8192).expect("mapped");
        map.write(5000, b"hello");
        map.commit(8, 77);
        let mut octets = [0; 5];
        file.read_exact_at(&mut octets, 5000).expect("read");
        assert_eq!(&octets, b"hello");
        file.read_exact_at(&mut octets[..4], 8).expect("read");
        assert_eq!(octets[..4], 77u32.to_le_bytes());
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    #[should_panic(expected = "beyond the mapping")]
    fn a_write_beyond_the_end_is_refused() {
        let (path, file) = file("beyond");
        std::fs::remove_file(path).expect("removed");
        Map::reserve(&file, 4096).expect("mapped").write(4095, b"xx");
    }
}
