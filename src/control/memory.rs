//! Memory that is free goes back to the system.
//!
//! Reading a hundred thousand zones leaves holes where lists, texts and builders were. glibc keeps
//! them for later; a server that has read its zones has no later of that size.
#![allow(unsafe_code)]

/// Gives free pages back. Takes milliseconds for each hundred MiB, during which other threads may
/// wait when they allocate; the packet path does not allocate.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: malloc_trim has no preconditions and may be called from any thread.
        unsafe { libc::malloc_trim(0) };
    }
}
