//! A heap that counts what is taken from it: by thread, and by all threads together.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static IGNORED: Cell<bool> = const { Cell::new(false) };
}

static ALL: AtomicU64 = AtomicU64::new(0);

struct Counting;

fn count(taken: u64, bytes: i64) {
    // A thread that ends counts no more.
    let _gone = TAKEN.try_with(|cell| cell.set(cell.get() + taken));
    let _gone = LIVE.try_with(|cell| cell.set(cell.get() + bytes));
    if !IGNORED.try_with(Cell::get).unwrap_or(true) {
        ALL.fetch_add(taken, Ordering::Relaxed);
    }
}

fn size(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: everything is the system's; only numbers are kept besides. What grows is taken anew.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, size(layout));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, -size(layout));
        // SAFETY: the same; the place came from there.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// How often this thread took something.
pub(crate) fn taken() -> u64 {
    TAKEN.get()
}

/// Bytes that this thread took and nobody gave back here.
pub(crate) fn live() -> i64 {
    LIVE.get()
}

pub(crate) fn set_live(bytes: i64) {
    LIVE.set(bytes);
}

/// How often all threads took something, but for those that [`ignore_this_thread`].
pub(crate) fn taken_by_all() -> u64 {
    ALL.load(Ordering::Relaxed)
}

pub(crate) fn ignore_this_thread() {
    IGNORED.set(true);
}
