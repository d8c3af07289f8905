//! Memory that is free and could be somebody else's.
//!
//! The C library keeps what is freed. After a hundred thousand zones have been loaded that is the
//! lists, names and catalogs of the loading itself, some tens of MiB which are not needed again.
#![allow(unsafe_code)]

/// Gives the pages that hold nothing back to the system, as far as the system's allocator can.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) takes any number, may be called at any time and by any thread (MT-Safe),
    // and changes nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
