// SPDX-License-Identifier: Apache-2.0
//! The packets that VPP hands to a node, and handing them on.

use core::marker::PhantomData;

use vpp_sys::{vlib_buffer_t, vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

use super::Thread;

/// Packets in a frame at most.
pub(crate) const FRAME: usize = vpp_sys::VLIB_FRAME_SIZE as usize;

/// One call of a node: up to [`FRAME`] packets, for the length of the call.
pub(crate) struct Frame<'a> {
    thread: Thread,
    node: *mut vlib_node_runtime_t,
    /// As many as a frame has room for; the first `count` are its packets.
    indices: &'a mut [u32; FRAME],
    count: usize,
    /// Where VPP's buffers begin; a buffer's index counts cache lines from here.
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

/// One packet's buffer, the first where it has several.
#[derive(Clone, Copy)]
pub(crate) struct Buffer<'a> {
    buffer: *mut vlib_buffer_t,
    thread: Thread,
    _frame: PhantomData<&'a ()>,
}

/// What the flags of a packet say, or those of several, of any of them.
#[derive(Clone, Copy)]
pub(crate) struct Flags(u32);

/// What the packets of a frame have in common.
#[derive(Clone, Copy)]
pub(crate) struct Common(vpp_sys::vpp_shim_common_t);

impl Common {
    /// What the flags of any of them say.
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.0.flags)
    }

    /// Whether all came in by one interface, leave by one, stand in one buffer each, and are not yet
    /// to be segmented.
    #[inline(always)]
    pub(crate) fn is_uniform(&self) -> bool {
        let unusual = self.0.flags & (vpp_sys::VLIB_BUFFER_NEXT_PRESENT | GSO);
        self.0.interfaces_differ == 0 && unusual == 0
    }

    /// Octets that all packets have in one buffer, from where all data start there; none where
    /// they start in different places.
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
    /// Whether VPP made it to report flows.
    #[inline(always)]
    pub(crate) fn is_flow_report(self) -> bool {
        self.0 & vpp_sys::VNET_BUFFER_F_FLOW_REPORT as u32 != 0
    }
}

impl<'a> Frame<'a> {
    /// The frame of one call.
    ///
    /// # Safety
    /// The arguments are those that VPP called a node's function with, on this thread.
    #[inline(always)]
    pub(crate) unsafe fn new(
        vm: *mut vlib_main_t,
        node: *mut vlib_node_runtime_t,
        frame: *mut vlib_frame_t,
    ) -> Self {
        // SAFETY: as the caller promises.
        let thread = unsafe { Thread::new(vm) };
        // SAFETY: `frame` is the call's own.
        let count = usize::from(unsafe { (*frame).n_vectors });
        // SAFETY: as above.
        let first = unsafe { vpp_sys::vpp_shim_frame_args(frame) };
        // SAFETY: every frame has room for so many indices, and is this node's until it returns.
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

    /// The node's number.
    #[inline]
    pub(crate) fn node(&self) -> u32 {
        // SAFETY: `node` is the call's own.
        unsafe { (*self.node).node_index }
    }

    /// Whether some of the packets are traced.
    #[inline(always)]
    pub(crate) fn is_traced(&self) -> bool {
        // SAFETY: `node` is the call's own.
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

    /// Writes down a traced packet's record, where VPP still has room for one.
    pub(crate) fn trace<T: Copy>(&self, buffer: Buffer<'_>, record: T) {
        const { assert!(align_of::<T>() <= 8) };
        // SAFETY: all three are this call's, and the buffer is traced.
        let place = unsafe {
            vpp_sys::vpp_shim_add_trace(
                self.thread.vm(),
                self.node,
                buffer.buffer,
                size_of::<T>() as u32,
            )
        };
        if !place.is_null() {
            // SAFETY: VPP gave so many octets, for this record and nothing else.
            unsafe { place.cast::<T>().write_unaligned(record) };
        }
    }

    /// Decides where each packet goes next, and tells what they have in common.
    #[inline(always)]
    pub(crate) fn find_next(&self, nexts: &mut [u16; FRAME]) -> Common {
        // SAFETY: there are at most FRAME packets, each on an arc of features.
        Common(unsafe {
            vpp_sys::vpp_shim_feature_next(
                self.thread.vm(),
                self.indices.as_ptr(),
                nexts.as_mut_ptr(),
                self.count as u32,
            )
        })
    }

    /// Hands the packets on, and the frame with them; tells how many there were.
    #[inline(always)]
    pub(crate) fn hand_on(self, common: Common, nexts: &mut [u16; FRAME]) -> u64 {
        let count = self.count as u32;
        if common.0.one_next != 0 {
            // SAFETY: all packets go to this feature.
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
        // SAFETY: `nexts` says for each packet where it goes.
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
    /// How many.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The packet of this number.
    #[inline(always)]
    pub(crate) fn get(&self, number: usize) -> Buffer<'a> {
        Buffer {
            buffer: self.address(self.indices[number % FRAME]) as *mut vlib_buffer_t,
            thread: self.thread,
            _frame: PhantomData,
        }
    }

    /// The octets that packet `number` has in common with all others: [`Common::octets`] of
    /// these packets, which is cheaper to know than [`Buffer::data`].
    ///
    /// # Safety
    /// `common` is that of the frame that these are the packets of, or some of them, and
    /// `number` is less than their count.
    #[inline(always)]
    pub(crate) unsafe fn head(&self, common: Common, number: usize) -> &'a [u8] {
        let address = self.address(self.indices[number % FRAME]);
        let first = (address + DATA).wrapping_add_signed(isize::from(common.0.start));
        // SAFETY: what VPP says is a buffer's data lies in its headroom and data area, and of
        // each packet of the frame so much is there, as the caller promises; no thread writes there
        // for the length of the node's call.
        unsafe { core::slice::from_raw_parts(first as *const u8, common.octets()) }
    }

    /// All.
    pub(crate) fn iter(self) -> impl Iterator<Item = Buffer<'a>> {
        (0..self.count()).map(move |number| self.get(number))
    }

    /// The first `count` of `indices`, which are some of these.
    pub(crate) fn only<'b>(&self, indices: &'b [u32; FRAME], count: usize) -> Buffers<'b>
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

/// Says of a buffer's packet that it is yet to be segmented.
const GSO: u32 = vpp_sys::VNET_BUFFER_F_GSO as u32;

/// Where a buffer's data begins, from its start.
const DATA: usize = vpp_sys::VPP_SHIM_BUFFER_DATA as usize;
/// How much headroom is before that.
const PRE_DATA: isize = vpp_sys::VPP_SHIM_BUFFER_PRE_DATA as isize;

impl<'a> Buffer<'a> {
    #[inline(always)]
    fn header(&self) -> &'a vlib_buffer_t {
        // SAFETY: the buffer is the node's for the length of its call.
        unsafe { &*self.buffer }
    }

    /// Its index.
    pub(crate) fn index(&self, of: Buffers<'_>) -> u32 {
        ((self.buffer as usize - of.memory) >> vpp_sys::CLIB_LOG2_CACHE_LINE_BYTES) as u32
    }

    /// The interface that it came in by.
    #[inline(always)]
    pub(crate) fn rx_sw_if_index(&self) -> u32 {
        self.header().opaque[0]
    }

    /// The interface that it goes out by.
    #[inline(always)]
    pub(crate) fn tx_sw_if_index(&self) -> u32 {
        self.header().opaque[1]
    }

    /// Octets of the link layer's header that routing has put before the IP header.
    #[inline(always)]
    pub(crate) fn rewrite_length(&self) -> usize {
        let header = self.buffer.cast::<u8>();
        // SAFETY: this octet is one of the header's.
        let length = unsafe { header.add(vpp_sys::VPP_SHIM_SAVE_REWRITE_LENGTH as usize) };
        // SAFETY: as above.
        usize::from(unsafe { *length })
    }

    /// Its flags.
    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.header().flags)
    }

    /// Where the packet is yet to be segmented, the octets of payload that each segment will have;
    /// else 0.
    #[inline(always)]
    pub(crate) fn segment_size(&self) -> u16 {
        if self.header().flags & GSO == 0 {
            return 0;
        }
        let octets = self.buffer.cast::<u8>();
        // SAFETY: these two octets are of the header.
        let size = unsafe { octets.add(vpp_sys::VPP_SHIM_GSO_SIZE as usize) };
        // SAFETY: as above, and any two octets are a number.
        unsafe { size.cast::<u16>().read_unaligned() }
    }

    /// Whether it is traced.
    #[inline(always)]
    pub(crate) fn is_traced(&self) -> bool {
        self.header().flags & vpp_sys::VLIB_BUFFER_IS_TRACED != 0
    }

    /// Its data from `offset` on, as far as they stand in the first buffer.
    #[inline(always)]
    pub(crate) fn data(&self, offset: usize) -> &'a [u8] {
        let header = self.header();
        let skipped = offset.min(usize::from(header.current_length));
        let start = isize::from(header.current_data) + skipped as isize;
        let length = usize::from(header.current_length) - skipped;
        let buffer = self.buffer.cast::<u8>();
        // SAFETY: what VPP says is a buffer's data lies in its headroom and data area.
        let first = unsafe { buffer.offset(DATA as isize + start) };
        // SAFETY: as above; no thread writes there for the length of the node's call.
        unsafe { core::slice::from_raw_parts(first, length) }
    }

    /// Octets from the start of the link layer's header that it came with to its data; 0 where
    /// that is not known. They may lie before the headroom.
    #[inline(always)]
    pub(super) fn link_header_octets(&self) -> usize {
        let header = self.header();
        if header.flags & vpp_sys::VNET_BUFFER_F_L2_HDR_OFFSET_VALID as u32 == 0 {
            return 0;
        }
        let octets = self.buffer.cast::<u8>();
        // SAFETY: these two octets are of the header.
        let start = unsafe { octets.add(vpp_sys::VPP_SHIM_L2_HDR_OFFSET as usize) };
        // SAFETY: as above, and any two octets are a number.
        let start = unsafe { start.cast::<i16>().read_unaligned() };
        let octets = i32::from(header.current_data) - i32::from(start);
        usize::try_from(octets).unwrap_or(0)
    }

    /// Its data from so many octets after their start on, or before that, where the headers are
    /// that were read; as far as they stand in the first buffer.
    #[inline(always)]
    pub(crate) fn data_from(&self, start: isize) -> &'a [u8] {
        let header = self.header();
        let current_length = header.current_length as isize;
        let headroom = isize::from(header.current_data) + PRE_DATA;
        let start = start.clamp(-headroom.max(0), current_length);
        let length = (current_length - start) as usize;
        let buffer = self.buffer.cast::<u8>();
        // SAFETY: what VPP says is a buffer's data lies in its headroom and data area, and so
        // does what is before that, as far as the headroom goes.
        let first =
            unsafe { buffer.offset(DATA as isize + isize::from(header.current_data) + start) };
        // SAFETY: as above; no thread writes there for the length of the node's call.
        unsafe { core::slice::from_raw_parts(first, length) }
    }

    /// Octets of a packet that stands in one buffer, from `offset` on.
    #[inline(always)]
    pub(crate) fn length_of_one(&self, offset: usize) -> u32 {
        u32::from(self.header().current_length).saturating_sub(offset as u32)
    }

    /// Octets of the whole packet, in however many buffers it stands, from `offset` on.
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
