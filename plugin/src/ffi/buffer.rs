// SPDX-License-Identifier: Apache-2.0
//! Buffers that we make ourselves, and sending them.

use super::Thread;

/// A buffer of our own, to be sent or freed by a thread; dropping it loses it.
#[must_use]
pub(crate) struct OwnBuffer {
    index: u32,
    /// Its data area.
    data: *mut u8,
    size: usize,
}

// SAFETY: VPP's buffers are shared by all threads; this one belongs to who has this.
unsafe impl Send for OwnBuffer {}

impl OwnBuffer {
    /// A buffer of `size` octets at most, fewer where VPP's are smaller; `None` where VPP has
    /// no more.
    pub(crate) fn new(thread: Thread, size: usize) -> Option<Self> {
        let mut index = 0;
        // SAFETY: `vm` is this thread's.
        let made = unsafe { vpp_sys::vpp_shim_buffer_alloc(thread.vm(), &raw mut index) };
        if made != 1 {
            return None;
        }
        // SAFETY: `vm` is this thread's.
        let memory = unsafe { vpp_sys::vpp_shim_buffer_memory(thread.vm()) } as usize;
        let header = memory + ((index as usize) << vpp_sys::CLIB_LOG2_CACHE_LINE_BYTES);
        Some(Self {
            index,
            data: (header + vpp_sys::VPP_SHIM_BUFFER_DATA as usize) as *mut u8,
            size: size.min(size_of_data(thread)),
        })
    }

    /// Its octets.
    pub(crate) fn octets(&mut self) -> &mut [u8] {
        // SAFETY: VPP gave us a buffer with so much room, and we are its only owner.
        unsafe { core::slice::from_raw_parts_mut(self.data, self.size) }
    }

    /// Makes the first `length` octets a packet for the table `fib_index`, that no flow meter
    /// counts; tells its index, for [`send`].
    pub(crate) fn into_packet(self, thread: Thread, length: usize, fib_index: u32) -> u32 {
        let length = length.min(self.size) as u16;
        // SAFETY: `vm` is this thread's, the buffer ours.
        unsafe { vpp_sys::vpp_shim_make_own(thread.vm(), self.index, length, fib_index) };
        self.index
    }
}

/// Octets that one buffer holds.
pub(crate) fn size_of_data(thread: Thread) -> usize {
    // SAFETY: `vm` is this thread's.
    unsafe { vpp_sys::vpp_shim_buffer_data_size(thread.vm()) as usize }
}

/// Hands packets to a node, a frame's worth at most.
pub(crate) fn send(thread: Thread, node: u32, packets: &[u32]) {
    if packets.is_empty() {
        return;
    }
    // SAFETY: `vm` is this thread's, the packets are ours and given away here.
    unsafe {
        vpp_sys::vpp_shim_send(thread.vm(), node, packets.as_ptr(), packets.len() as u32);
    }
}
