// SPDX-License-Identifier: Apache-2.0
//! The packets of a node's frame: reading them and enqueueing them to the next nodes.

use core::marker::PhantomData;

use vpp_sys::{vlib_buffer_t, vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

use super::Thread;

/// The most packets that a frame can have.
pub(crate) const FRAME: usize = vpp_sys::VLIB_FRAME_SIZE as usize;

/// The frame of one call of a node: up to [`FRAME`] packets, valid for the length of the call.
pub(crate) struct Frame<'a> {
    thread: Thread,
    node: *mut vlib_node_runtime_t,
    /// Buffer indices; the first `count` are valid.
    indices: &'a mut [u32; FRAME],
    count: usize,
    /// Start of VPP's buffer memory; a buffer's index counts cache lines from here.
    memory: usize,
}

/// The packets of a frame, or some of them.
#[derive(Clone, Copy)]
pub(crate) struct Buffers<'a> {
    indices: &'a [u32; FRAME],
    count: usize,
    memory: usize,
    thread: Thread,
}

/// A packet's buffer, the first one if it is chained.
#[derive(Clone, Copy)]
pub(crate) struct Buffer<'a> {
    buffer: *mut vlib_buffer_t,
    thread: Thread,
    _frame: PhantomData<&'a ()>,
}

/// The flags of a buffer, or the union of the flags of several.
#[derive(Clone, Copy)]
pub(crate) struct Flags(u32);

/// What all packets of a frame have in common.
#[derive(Clone, Copy)]
pub(crate) struct Common(vpp_sys::vpp_shim_common_t);

impl Common {
    /// The union of all packets' flags.
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.0.flags)
    }

    /// Whether all packets have the same rx and tx interface, a single buffer each, and no pending
    /// segmentation (GSO).
    #[inline(always)]
    pub(crate) fn is_uniform(&self) -> bool {
        let unusual = self.0.flags & (vpp_sys::VLIB_BUFFER_NEXT_PRESENT | GSO);
        self.0.interfaces_differ == 0 && unusual == 0
    }

    /// How many octets every packet has in its first buffer; 0 if the packets' data start at
    /// different offsets.
    #[inline(always)]
    pub(crate) fn octets(&self) -> usize {
        if self.0.start_differs == 0 {
            usize::from(self.0.shortest)
        } else {
            0
        }
    }
}

impl Flags {
    /// Whether VPP generated the packet to report flows.
    #[inline(always)]
    pub(crate) fn is_flow_report(self) -> bool {
        self.0 & vpp_sys::VNET_BUFFER_F_FLOW_REPORT as u32 != 0
    }
}

impl<'a> Frame<'a> {
    /// Wraps the frame of one call.
    ///
    /// # Safety
    /// The arguments are those of the current call of a node's function, on this thread.
    #[inline(always)]
    pub(crate) unsafe fn new(
        vm: *mut vlib_main_t,
        node: *mut vlib_node_runtime_t,
        frame: *mut vlib_frame_t,
    ) -> Self {
        // SAFETY: as the caller promises.
        let thread = unsafe { Thread::new(vm) };
        // SAFETY: `frame` is that of the current call.
        let count = usize::from(unsafe { (*frame).n_vectors });
        // SAFETY: as above.
        let first = unsafe { vpp_sys::vpp_shim_frame_args(frame) };
        // SAFETY: every frame has room for FRAME indices, and is this node's until it returns.
        let indices = unsafe { &mut *first.cast::<[u32; FRAME]>() };
        // SAFETY: `vm` is this thread's.
        let memory = unsafe { vpp_sys::vpp_shim_buffer_memory(vm) } as usize;
        Self {
            thread,
            node,
            indices,
            count: count.min(FRAME),
            memory,
        }
    }

    /// The thread that runs this.
    #[inline(always)]
    pub(crate) fn thread(&self) -> Thread {
        self.thread
    }

    /// The node's index.
    #[inline]
    pub(crate) fn node(&self) -> u32 {
        // SAFETY: `node` is that of the current call.
        unsafe { (*self.node).node_index }
    }

    /// Whether any packet may be traced.
    #[inline(always)]
    pub(crate) fn is_traced(&self) -> bool {
        // SAFETY: `node` is that of the current call.
        let flags = unsafe { (*self.node).flags };
        u32::from(flags) & vpp_sys::VLIB_NODE_FLAG_TRACE != 0
    }

    /// The packets.
    #[inline(always)]
    pub(crate) fn buffers(&self) -> Buffers<'_> {
        Buffers {
            indices: self.indices,
            count: self.count,
            memory: self.memory,
            thread: self.thread,
        }
    }

    /// Adds a trace record for a packet, if VPP has room for it.
    pub(crate) fn trace<T: Copy>(&self, buffer: Buffer<'_>, record: T) {
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: all arguments are those of this call, and the buffer is traced.
        let place = unsafe {
            vpp_sys::vpp_shim_add_trace(
                self.thread.vm(),
                self.node,
                buffer.buffer,
                size_of::<T>() as u32,
            )
        };
        if !place.is_null() {
            // SAFETY: VPP returned room for a `T`, used for nothing else.
            unsafe { place.cast::<T>().write_unaligned(record) };
        }
    }

    /// Finds the next feature of each packet and the octets in its first buffer, and returns what
    /// the packets have in common.
    #[inline(always)]
    pub(crate) fn find_next(&self, nexts: &mut [u16; FRAME], lengths: &mut [u16; FRAME]) -> Common {
        // SAFETY: there are at most FRAME packets, each on a feature arc.
        Common(unsafe {
            vpp_sys::vpp_shim_feature_next(
                self.thread.vm(),
                self.indices.as_ptr(),
                nexts.as_mut_ptr(),
                lengths.as_mut_ptr(),
                self.count as u32,
            )
        })
    }

    /// Enqueues the packets to their next nodes, and returns how many there were.
    #[inline(always)]
    pub(crate) fn enqueue(self, common: Common, nexts: &mut [u16; FRAME]) -> u64 {
        let count = self.count as u32;
        if common.0.one_next != 0 {
            // SAFETY: `common.next` is the next node of all packets.
            unsafe {
                vpp_sys::vpp_shim_enqueue_to_single_next(
                    self.thread.vm(),
                    self.node,
                    self.indices.as_mut_ptr(),
                    common.0.next,
                    count,
                );
            }
            return u64::from(count);
        }
        // SAFETY: `nexts` has the next node of each packet.
        unsafe {
            vpp_sys::vpp_shim_enqueue_to_next(
                self.thread.vm(),
                self.node,
                self.indices.as_mut_ptr(),
                nexts.as_mut_ptr(),
                count,
            );
        }
        u64::from(count)
    }
}

impl<'a> Buffers<'a> {
    /// The number of packets.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The packet at this position.
    #[inline(always)]
    pub(crate) fn get(&self, number: usize) -> Buffer<'a> {
        Buffer {
            buffer: self.address(self.indices[number % FRAME]) as *mut vlib_buffer_t,
            thread: self.thread,
            _frame: PhantomData,
        }
    }

    /// The first [`Common::octets`] octets of packet `number`: cheaper than [`Buffer::data`], since
    /// its header is not read.
    ///
    /// # Safety
    /// `common` belongs to the frame of these packets, and `number` is less than their count.
    #[inline(always)]
    pub(crate) unsafe fn head(&self, common: Common, number: usize) -> &'a [u8] {
        let address = self.address(self.indices[number % FRAME]);
        let first = (address + DATA).wrapping_add_signed(isize::from(common.0.start));
        // SAFETY: a buffer's data lies in its headroom and data area, and each packet of the frame
        // has this many octets, as the caller promises; no thread writes there during the node's
        // call.
        unsafe { core::slice::from_raw_parts(first as *const u8, common.octets()) }
    }

    /// Iterates over all packets.
    pub(crate) fn iter(self) -> impl Iterator<Item = Buffer<'a>> {
        (0..self.count()).map(move |number| self.get(number))
    }

    /// The packets in the first `count` of `indices`, which must be packets of this frame.
    pub(crate) fn subset<'b>(&self, indices: &'b [u32; FRAME], count: usize) -> Buffers<'b>
    where
        'a: 'b,
    {
        Buffers {
            indices,
            count,
            ..*self
        }
    }

    #[inline(always)]
    fn address(&self, index: u32) -> usize {
        self.memory + ((index as usize) << vpp_sys::CLIB_LOG2_CACHE_LINE_BYTES)
    }
}

/// Buffer flag: the packet is still to be segmented.
const GSO: u32 = vpp_sys::VNET_BUFFER_F_GSO as u32;

/// Offset of the data area in a buffer.
const DATA: usize = vpp_sys::VPP_SHIM_BUFFER_DATA as usize;
/// Octets of headroom before the data area.
const PRE_DATA: isize = vpp_sys::VPP_SHIM_BUFFER_PRE_DATA as isize;

impl<'a> Buffer<'a> {
    #[inline(always)]
    fn header(&self) -> &'a vlib_buffer_t {
        // SAFETY: the buffer is the node's for the length of its call.
        unsafe { &*self.buffer }
    }

    /// The buffer's index.
    pub(crate) fn index(&self, of: Buffers<'_>) -> u32 {
        ((self.buffer as usize - of.memory) >> vpp_sys::CLIB_LOG2_CACHE_LINE_BYTES) as u32
    }

    /// The interface that received the packet.
    #[inline(always)]
    pub(crate) fn rx_sw_if_index(&self) -> u32 {
        self.header().opaque[0]
    }

    /// The interface that sends the packet.
    #[inline(always)]
    pub(crate) fn tx_sw_if_index(&self) -> u32 {
        self.header().opaque[1]
    }

    /// Length of the link-layer header that the rewrite has put before the IP header.
    #[inline(always)]
    pub(crate) fn rewrite_length(&self) -> usize {
        let header = self.buffer.cast::<u8>();
        // SAFETY: this octet is in the buffer's header.
        let length = unsafe { header.add(vpp_sys::VPP_SHIM_SAVE_REWRITE_LENGTH as usize) };
        // SAFETY: as above.
        usize::from(unsafe { *length })
    }

    /// The buffer's flags.
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.header().flags)
    }

    /// If the packet is still to be segmented, the octets of payload of each segment; else 0.
    #[inline(always)]
    pub(crate) fn segment_size(&self) -> u16 {
        if self.header().flags & GSO == 0 {
            return 0;
        }
        let octets = self.buffer.cast::<u8>();
        // SAFETY: these two octets are in the buffer's header.
        let size = unsafe { octets.add(vpp_sys::VPP_SHIM_GSO_SIZE as usize) };
        // SAFETY: as above, and any two octets are a valid number.
        unsafe { size.cast::<u16>().read_unaligned() }
    }

    /// Whether the packet is traced.
    #[inline(always)]
    pub(crate) fn is_traced(&self) -> bool {
        self.header().flags & vpp_sys::VLIB_BUFFER_IS_TRACED != 0
    }

    /// The data from `offset` on, in the first buffer only.
    #[inline(always)]
    pub(crate) fn data(&self, offset: usize) -> &'a [u8] {
        let header = self.header();
        let skipped = offset.min(usize::from(header.current_length));
        let start = isize::from(header.current_data) + skipped as isize;
        let length = usize::from(header.current_length) - skipped;
        let buffer = self.buffer.cast::<u8>();
        // SAFETY: a buffer's data lies in its headroom and data area.
        let first = unsafe { buffer.offset(DATA as isize + start) };
        // SAFETY: as above; no thread writes there during the node's call.
        unsafe { core::slice::from_raw_parts(first, length) }
    }

    /// Octets from the start of the link-layer header that the packet was received with to its
    /// data; 0 if unknown. The header may start before the headroom.
    #[inline(always)]
    pub(super) fn link_header_octets(&self) -> usize {
        let header = self.header();
        if header.flags & vpp_sys::VNET_BUFFER_F_L2_HDR_OFFSET_VALID as u32 == 0 {
            return 0;
        }
        let octets = self.buffer.cast::<u8>();
        // SAFETY: these two octets are in the buffer's header.
        let start = unsafe { octets.add(vpp_sys::VPP_SHIM_L2_HDR_OFFSET as usize) };
        // SAFETY: as above, and any two octets are a valid number.
        let start = unsafe { start.cast::<i16>().read_unaligned() };
        let octets = i32::from(header.current_data) - i32::from(start);
        usize::try_from(octets).unwrap_or(0)
    }

    /// The data in the first buffer, from `start` octets after its start on; a negative `start`
    /// includes headers before it that were already stripped.
    #[inline(always)]
    pub(crate) fn data_from(&self, start: isize) -> &'a [u8] {
        let header = self.header();
        let current_length = header.current_length as isize;
        let headroom = isize::from(header.current_data) + PRE_DATA;
        let start = start.clamp(-headroom.max(0), current_length);
        let length = (current_length - start) as usize;
        let buffer = self.buffer.cast::<u8>();
        // SAFETY: a buffer's data lies in its headroom and data area, and `start` is limited to
        // them.
        let first =
            unsafe { buffer.offset(DATA as isize + isize::from(header.current_data) + start) };
        // SAFETY: as above; no thread writes there during the node's call.
        unsafe { core::slice::from_raw_parts(first, length) }
    }

    /// The length of a packet in a single buffer, from `offset` on.
    #[inline(always)]
    pub(crate) fn length_of_one(&self, offset: usize) -> u32 {
        u32::from(self.header().current_length).saturating_sub(offset as u32)
    }

    /// The length of the whole packet, chained or not, from `offset` on.
    #[inline(always)]
    pub(crate) fn length(&self, offset: usize) -> u32 {
        let header = self.header();
        let length = if header.flags & vpp_sys::VLIB_BUFFER_NEXT_PRESENT == 0 {
            u32::from(header.current_length)
        } else {
            // SAFETY: the buffer is the node's for the length of its call.
            unsafe { vpp_sys::vpp_shim_buffer_length_in_chain(self.thread.vm(), self.buffer) }
        };
        length.saturating_sub(offset as u32)
    }
}
