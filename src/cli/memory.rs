//! How the allocator of this process is set.

/// Blocks from this size on are mapped by themselves and go back to the system as soon as they are free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES: libc::c_int = 4 << 20;

/// Pools of free memory. Left to itself, glibc makes up to eight for each processor, and what one thread frees no other uses:
/// 400 watchers took 13 MB more. Forwarding asks for no memory, so that no thread waits for a pool where it would matter.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// To be called before anything else runs. A password check takes 19 MiB for some 40 ms. Left to itself, glibc learns from the
/// first one that such blocks come often and keeps them in every thread's arena: a hub that had checked 24 passwords held
/// 115 MB for good.
#[allow(unsafe_code)]
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets numbers inside the allocator; there is one thread as yet. A refusal leaves the default.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}
