//! The heap of the simulator's tool: blocks that were freed last are given out first.
//!
//! For: runs that allocate little things all the time. What was just freed is in the processor's
//! nearest cache; a general allocator gives out whatever its page has next. Owns: lists of free
//! blocks by size, one set per thread. Never does: give memory back; touch more of a block than its
//! layout says. The compiler knows how long what `alloc` was asked for is, and in a build in one piece it
//! sees what is done with it here, too: it leaves out writes that such an access makes look needless.

#![expect(
    unsafe_code,
    reason = "an allocator hands out raw memory; each step says why it is sound"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr::null_mut;

use mimalloc::MiMalloc;

/// Sizes are rounded up to a multiple of this, which is also the alignment of all blocks.
const STEP: usize = 16;
/// Sizes up to `STEP` times this have lists of their own: a page of a database is among them.
const CLASSES: usize = 288;
/// Blocks are cut from pieces of so many bytes.
const PIECE: usize = 1 << 16;

/// A free block begins with the address of the next one.
type Block = *mut u8;

struct Lists {
    free: [Cell<Block>; CLASSES],
    /// What is left of the newest piece.
    rest: Cell<Block>,
    left: Cell<usize>,
}

thread_local! {
    // Nothing is dropped with a thread: blocks of it may be in use elsewhere.
    static LISTS: Lists = const {
        Lists {
            free: [const { Cell::new(null_mut()) }; CLASSES],
            rest: Cell::new(null_mut()),
            left: Cell::new(0),
        }
    };
}

/// The allocator.
#[derive(Debug)]
pub(crate) struct Heap;

/// The list for a layout, if it has one: whoever is free holds an address.
fn class(layout: Layout) -> Option<usize> {
    let class = layout.size().div_ceil(STEP);
    let long = layout.size() >= size_of::<Block>();
    (long && class < CLASSES && layout.align() <= STEP).then_some(class)
}

impl Lists {
    /// A block of `class` cut from a piece; null: there is no memory.
    #[cold]
    fn cut(&self, class: usize) -> Block {
        let size = class * STEP;
        if self.left.get() < size {
            let Ok(layout) = Layout::from_size_align(PIECE, STEP) else { return null_mut() };
            // SAFETY: the size is not zero.
            let piece = unsafe { MiMalloc.alloc(layout) };
            if piece.is_null() {
                return piece;
            }
            self.rest.set(piece);
            self.left.set(PIECE);
        }
        let block = self.rest.get();
        // SAFETY: at least `size` bytes of the piece are left behind `block`.
        self.rest.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - size);
        block
    }
}

// SAFETY: a block is in one list or in use, never both; it is at least as long as its layout and
// aligned to 16 bytes; a layout finds the same list when its block is freed. Lists belong to one
// thread, and the blocks in them to nobody.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { MiMalloc.alloc(layout) };
        };
        LISTS.with(|lists| {
            let Some(list) = lists.free.get(class) else { return null_mut() };
            let block = list.get();
            if block.is_null() {
                return lists.cut(class);
            }
            // SAFETY: a free block begins with the address of the next one, written by `dealloc`.
            list.set(unsafe { block.cast::<Block>().read() });
            block
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: the caller's promise: a block of this layout, which came from there.
            return unsafe { MiMalloc.dealloc(block, layout) };
        };
        LISTS.with(|lists| {
            let Some(list) = lists.free.get(class) else { return };
            // SAFETY: nobody uses the block any more; it is aligned and long enough for an address.
            unsafe { block.cast::<Block>().write(list.get()) };
            list.set(block);
        });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class(layout).is_none() {
            // SAFETY: the caller's promise.
            return unsafe { MiMalloc.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promise.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: it is that long.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
        if class(layout).is_none() && class(wanted).is_none() {
            // SAFETY: the caller's promise, and the block came from there.
            return unsafe { MiMalloc.realloc(block, layout, size) };
        }
        // Also where the old block would be long enough: it has the length that it was asked for.
        // SAFETY: the caller's promise: the size is not zero.
        let new = unsafe { self.alloc(wanted) };
        if !new.is_null() {
            let kept = layout.size().min(size);
            // SAFETY: both are at least that long, and apart; the old one is not used any more.
            unsafe {
                std::ptr::copy_nonoverlapping(block, new, kept);
                self.dealloc(block, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A longer block in the same place is one that the compiler takes for the shorter one.
    #[test]
    fn a_block_of_another_length_is_another_block() {
        for (from, to) in [(8, 16), (16, 9), (20, 32), (1, 7), (7, 8), (30, 3), (40, 9_000)] {
            let layout = Layout::from_size_align(from, 1).unwrap();
            let listed = class(layout).is_some();
            // SAFETY: no size is zero, and each block is used and freed with its own layout.
            unsafe {
                let block = Heap.alloc(layout);
                block.write_bytes(7, from);
                let other = Heap.realloc(block, layout, to);
                assert!(!listed || other != block, "{from} to {to}");
                let kept = std::slice::from_raw_parts(other, from.min(to));
                assert!(kept.iter().all(|byte| *byte == 7), "{from} to {to}");
                Heap.dealloc(other, Layout::from_size_align(to, 1).unwrap());
            }
        }
    }

    #[test]
    fn what_is_shorter_than_an_address_is_in_no_list() {
        for size in 0..64 {
            let listed = class(Layout::from_size_align(size, 1).unwrap()).is_some();
            assert_eq!(listed, size >= size_of::<Block>(), "{size}");
        }
        assert_eq!(class(Layout::from_size_align(64, 32).unwrap()), None);
    }

    #[test]
    fn zeroes_are_zeroes_in_a_block_that_was_used() {
        let layout = Layout::from_size_align(48, 16).unwrap();
        // SAFETY: as above.
        unsafe {
            let used = Heap.alloc(layout);
            used.write_bytes(9, 48);
            Heap.dealloc(used, layout);
            let block = Heap.alloc_zeroed(layout);
            assert_eq!(block, used, "what was freed last is given out first");
            assert_eq!(std::slice::from_raw_parts(block, 48), [0; 48]);
            Heap.dealloc(block, layout);
        }
    }
}
