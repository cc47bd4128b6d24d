//! The only unsafe code of the guard: real-time priority.

#![expect(unsafe_code, reason = "the scheduler call has no safe wrapper")]

/// Priority among real-time processes: above ordinary ones, below the kernel's own threads.
const PRIORITY: i32 = 20;

/// Moves all threads that this process will start, and the calling one, to `SCHED_FIFO`.
pub(crate) fn become_real_time() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: the pointer is to a live, fully initialised structure; the call keeps nothing.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Takes the calling thread alone back among ordinary ones.
pub(crate) fn become_ordinary() -> std::io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a live, fully initialised structure; the call keeps nothing.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Ends the process at once, without destructors or exit handlers.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` takes no pointer and does not return.
    unsafe { libc::_exit(status) }
}

/// One heap for all threads, which never gives memory back: once the guard has beaten for a while,
/// whatever it allocates is there and locked, and the kernel is asked for none. (`bench-guard`
/// counts page faults.)
pub(crate) fn keep_one_heap() {
    for (option, value) in
        [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, i32::MAX)]
    {
        // SAFETY: `mallopt` only sets a number inside the allocator; no other thread runs yet.
        unsafe { libc::mallopt(option, value) };
    }
}
