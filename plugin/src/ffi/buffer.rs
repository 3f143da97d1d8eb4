// SPDX-License-Identifier: Apache-2.0
//! Buffers that the plugin allocates, and sending them.

use super::Thread;

/// A buffer that the plugin owns until it is sent. Dropping it leaks VPP's buffer.
#[must_use]
pub(crate) struct OwnBuffer {
    index: u32,
    /// Its data area.
    data: *mut u8,
    size: usize,
}

// SAFETY: all threads share VPP's buffer pool, and this value is the buffer's only owner.
unsafe impl Send for OwnBuffer {}

impl OwnBuffer {
    /// Allocates a buffer of `size` octets, or fewer if VPP's buffers are smaller. Returns `None`
    /// if VPP has no free buffer.
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
        // SAFETY: the buffer has room for `size` octets, and this is its only owner.
        unsafe { core::slice::from_raw_parts_mut(self.data, self.size) }
    }

    /// Turns the first `length` octets into a packet that is looked up in the table `fib_index` and
    /// that no flow meter counts. Returns its buffer index, for [`send`].
    pub(crate) fn into_packet(self, thread: Thread, length: usize, fib_index: u32) -> u32 {
        let length = length.min(self.size) as u16;
        // SAFETY: `vm` is this thread's, and this is the buffer's only owner.
        unsafe { vpp_sys::vpp_shim_make_own(thread.vm(), self.index, length, fib_index) };
        self.index
    }
}

/// How many octets one buffer holds.
pub(crate) fn size_of_data(thread: Thread) -> usize {
    // SAFETY: `vm` is this thread's.
    unsafe { vpp_sys::vpp_shim_buffer_data_size(thread.vm()) as usize }
}

/// Sends packets to a node, at most one frame of them.
pub(crate) fn send(thread: Thread, node: u32, packets: &[u32]) {
    if packets.is_empty() {
        return;
    }
    // SAFETY: `vm` is this thread's; the packets are the plugin's and are given to VPP here.
    unsafe {
        vpp_sys::vpp_shim_send(thread.vm(), node, packets.as_ptr(), packets.len() as u32);
    }
}
