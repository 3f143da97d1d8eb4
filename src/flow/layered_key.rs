// SPDX-License-Identifier: Apache-2.0
//! The key of a layered flow: those layers of a packet's headers that are selected.
//!
//! Layers that are not selected are zero in the key, so flows that differ only there are one flow. A
//! key has the number of the layout of its records; the elements of a layout are in `exporting`.

use bytemuck::{Pod, Zeroable};

use super::key::{FlowKey, Observed, Ports};

/// A set of layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers(u8);

impl Layers {
    /// MAC addresses and EtherType.
    pub const L2: Self = Self(1);
    /// IP addresses, protocol and octets.
    pub const L3: Self = Self(2);
    /// Ports and TCP flags.
    pub const L4: Self = Self(4);

    /// The layers whose bits are set: 1 for L2, 2 for L3, 4 for L4; other bits are ignored.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// As in [`Self::from_bits`].
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether `layer` is in the set.
    pub const fn has(self, layer: Self) -> bool {
        self.0 & layer.0 != 0
    }
}

/// What the records of one layout describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LayoutKind {
    /// Frames, whatever they carry.
    Frame = 0,
    /// IPv4 packets.
    Ipv4 = 1,
    /// IPv6 packets.
    Ipv6 = 2,
}

/// The layout of a layered flow's records, by number: less than [`Self::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layout(u8);

impl Layout {
    /// The number of layouts; those without layers are not used.
    pub const COUNT: usize = 32;

    /// The layout of `kind` with these layers.
    pub const fn new(layers: Layers, kind: LayoutKind) -> Self {
        Self(layers.0 << 2 | kind as u8)
    }

    /// The layout of this number, modulo [`Self::COUNT`].
    pub(crate) const fn from_number(number: usize) -> Self {
        Self((number % Self::COUNT) as u8)
    }

    /// Its number.
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// The layers in it.
    pub(crate) const fn layers(self) -> Layers {
        Layers(self.0 >> 2)
    }

    /// Whether its records describe this.
    pub(crate) const fn is(self, kind: LayoutKind) -> bool {
        self.0 & 3 == kind as u8
    }
}

/// What is selected of the packets of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSelection {
    /// The layers.
    pub layers: Layers,
    /// Whether these are frames, whatever they carry, or only IP packets.
    pub frames: bool,
}

impl LayerSelection {
    /// Whether IP packets are distinguished from other frames: frames of which neither IP nor
    /// transport is selected have one layout.
    pub(crate) fn is_of_ip(self) -> bool {
        let Self { layers, frames } = self;
        !frames || layers.has(Layers::L3) || layers.has(Layers::L4)
    }
}

/// The key of a layered flow; zero where a layer is not selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct LayeredKey {
    /// IANA element 8 in the first four octets, or 27.
    pub source: [u8; 16],
    /// IANA element 12 in the first four octets, or 28.
    pub destination: [u8; 16],
    /// IANA element 80.
    pub destination_mac: [u8; 6],
    /// IANA element 56.
    pub source_mac: [u8; 6],
    /// The transport ports; zero for ICMP.
    pub ports: Ports,
    /// Where it was observed; the protocol is the IP protocol number.
    pub observed: Observed,
    /// IANA element 256.
    pub ether_type: u16,
    pub(crate) layout: u8,
    pub(crate) _reserved: u8,
}

impl FlowKey for LayeredKey {
    type Attributes = ();
    type Words = [u64; 8];

    #[inline(always)]
    fn observed(&self) -> &Observed {
        &self.observed
    }
}

impl LayeredKey {
    /// The layout of its records.
    pub fn layout(&self) -> Layout {
        Layout(self.layout)
    }

    /// Returns a key of a layout, in which all else is zero.
    #[cfg(test)]
    pub(crate) fn of_layout(layout: Layout) -> Self {
        Self {
            layout: layout.0,
            ..Self::zeroed()
        }
    }
}
