// SPDX-License-Identifier: Apache-2.0
//! The link types of captures, by number (<https://www.tcpdump.org/linktypes.html>).
//!
//! Owns their names, their equivalents in the engine, and the count of packets whose link type is not
//! supported.

use std::collections::BTreeMap;
use std::fmt;

use flowmeter::observation::LinkType;
use flowmeter::observation::LinkType::{
    BsdLoop, BsdNull, CiscoHdlc, Ethernet, Fddi, Ieee80211, LinuxCooked, LinuxCooked2,
    NetfilterLog, PacketInformation, Ppp, Radiotap, RawIp, Unsupported,
};

/// Number, name and the engine's link type, in the order of the numbers. 12 and 14 are raw IP on some
/// systems.
const LINK_TYPES: &[(u32, &str, LinkType)] = &[
    (0, "NULL", BsdNull),
    (1, "ETHERNET", Ethernet),
    (3, "AX25", Unsupported),
    (6, "IEEE802_5", Unsupported),
    (7, "ARCNET_BSD", Unsupported),
    (8, "SLIP", Unsupported),
    (9, "PPP", Ppp),
    (10, "FDDI", Fddi),
    (12, "RAW", RawIp),
    (14, "RAW", RawIp),
    (50, "PPP_HDLC", Ppp),
    (51, "PPP_ETHER", Unsupported),
    (99, "SYMANTEC_FIREWALL", Unsupported),
    (100, "ATM_RFC1483", Unsupported),
    (101, "RAW", RawIp),
    (104, "C_HDLC", CiscoHdlc),
    (105, "IEEE802_11", Ieee80211),
    (106, "ATM_CLIP", Unsupported),
    (107, "FRELAY", Unsupported),
    (108, "LOOP", BsdLoop),
    (109, "ENC", Unsupported),
    (113, "LINUX_SLL", LinuxCooked),
    (114, "LTALK", Unsupported),
    (117, "PFLOG", Unsupported),
    (119, "IEEE802_11_PRISM", Unsupported),
    (122, "IP_OVER_FC", Unsupported),
    (123, "SUNATM", Unsupported),
    (127, "IEEE802_11_RADIOTAP", Radiotap),
    (129, "ARCNET_LINUX", Unsupported),
    (130, "JUNIPER_MLPPP", Unsupported),
    (131, "JUNIPER_MLFR", Unsupported),
    (132, "JUNIPER_ES", Unsupported),
    (133, "JUNIPER_GGSN", Unsupported),
    (134, "JUNIPER_MFR", Unsupported),
    (135, "JUNIPER_ATM2", Unsupported),
    (136, "JUNIPER_SERVICES", Unsupported),
    (137, "JUNIPER_ATM1", Unsupported),
    (138, "APPLE_IP_OVER_IEEE1394", Unsupported),
    (139, "MTP2_WITH_PHDR", Unsupported),
    (140, "MTP2", Unsupported),
    (141, "MTP3", Unsupported),
    (142, "SCCP", Unsupported),
    (143, "DOCSIS", Unsupported),
    (144, "LINUX_IRDA", Unsupported),
    (147, "USER0", Unsupported),
    (148, "USER1", Unsupported),
    (149, "USER2", Unsupported),
    (150, "USER3", Unsupported),
    (151, "USER4", Unsupported),
    (152, "USER5", Unsupported),
    (153, "USER6", Unsupported),
    (154, "USER7", Unsupported),
    (155, "USER8", Unsupported),
    (156, "USER9", Unsupported),
    (157, "USER10", Unsupported),
    (158, "USER11", Unsupported),
    (159, "USER12", Unsupported),
    (160, "USER13", Unsupported),
    (161, "USER14", Unsupported),
    (162, "USER15", Unsupported),
    (163, "IEEE802_11_AVS", Unsupported),
    (164, "JUNIPER_MONITOR", Unsupported),
    (165, "BACNET_MS_TP", Unsupported),
    (166, "PPP_PPPD", Unsupported),
    (167, "JUNIPER_PPPOE", Unsupported),
    (168, "JUNIPER_PPPOE_ATM", Unsupported),
    (169, "GPRS_LLC", Unsupported),
    (170, "GPF_T", Unsupported),
    (171, "GPF_F", Unsupported),
    (174, "JUNIPER_PIC_PEER", Unsupported),
    (175, "ERF_ETH", Unsupported),
    (176, "ERF_POS", Unsupported),
    (177, "LINUX_LAPD", Unsupported),
    (178, "JUNIPER_ETHER", Unsupported),
    (179, "JUNIPER_PPP", Unsupported),
    (180, "JUNIPER_FRELAY", Unsupported),
    (181, "JUNIPER_CHDLC", Unsupported),
    (182, "MFR", Unsupported),
    (183, "JUNIPER_VP", Unsupported),
    (184, "A429", Unsupported),
    (185, "A653_ICM", Unsupported),
    (186, "USB_FREEBSD", Unsupported),
    (187, "BLUETOOTH_HCI_H4", Unsupported),
    (188, "IEEE802_16_MAC_CPS", Unsupported),
    (189, "USB_LINUX", Unsupported),
    (190, "CAN20B", Unsupported),
    (191, "IEEE802_15_4_LINUX", Unsupported),
    (192, "PPI", PacketInformation),
    (193, "IEEE802_16_MAC_CPS_RADIO", Unsupported),
    (194, "JUNIPER_ISM", Unsupported),
    (195, "IEEE802_15_4_WITHFCS", Unsupported),
    (196, "SITA", Unsupported),
    (197, "ERF", Unsupported),
    (198, "RAIF1", Unsupported),
    (199, "IPMB_KONTRON", Unsupported),
    (200, "JUNIPER_ST", Unsupported),
    (201, "BLUETOOTH_HCI_H4_WITH_PHDR", Unsupported),
    (202, "AX25_KISS", Unsupported),
    (203, "LAPD", Unsupported),
    (204, "PPP_WITH_DIR", Unsupported),
    (205, "C_HDLC_WITH_DIR", Unsupported),
    (206, "FRELAY_WITH_DIR", Unsupported),
    (207, "LAPB_WITH_DIR", Unsupported),
    (209, "IPMB_LINUX", Unsupported),
    (210, "FLEXRAY", Unsupported),
    (211, "MOST", Unsupported),
    (212, "LIN", Unsupported),
    (215, "IEEE802_15_4_NONASK_PHY", Unsupported),
    (216, "LINUX_EVDEV", Unsupported),
    (219, "MPLS", Unsupported),
    (220, "USB_LINUX_MMAPPED", Unsupported),
    (221, "DECT", Unsupported),
    (222, "AOS", Unsupported),
    (223, "WIHART", Unsupported),
    (224, "FC_2", Unsupported),
    (225, "FC_2_WITH_FRAME_DELIMS", Unsupported),
    (226, "IPNET", Unsupported),
    (227, "CAN_SOCKETCAN", Unsupported),
    (228, "IPV4", RawIp),
    (229, "IPV6", RawIp),
    (230, "IEEE802_15_4_NOFCS", Unsupported),
    (231, "DBUS", Unsupported),
    (232, "JUNIPER_VS", Unsupported),
    (233, "JUNIPER_SRX_E2E", Unsupported),
    (234, "JUNIPER_FIBRECHANNEL", Unsupported),
    (235, "DVB_CI", Unsupported),
    (236, "MUX27010", Unsupported),
    (237, "STANAG_5066_D_PDU", Unsupported),
    (238, "JUNIPER_ATM_CEMIC", Unsupported),
    (239, "NFLOG", NetfilterLog),
    (240, "NETANALYZER", Unsupported),
    (241, "NETANALYZER_TRANSPARENT", Unsupported),
    (242, "IPOIB", Unsupported),
    (243, "MPEG_2_TS", Unsupported),
    (244, "NG40", Unsupported),
    (245, "NFC_LLCP", Unsupported),
    (246, "PFSYNC", Unsupported),
    (247, "INFINIBAND", Unsupported),
    (248, "SCTP", Unsupported),
    (249, "USBPCAP", Unsupported),
    (250, "RTAC_SERIAL", Unsupported),
    (251, "BLUETOOTH_LE_LL", Unsupported),
    (253, "NETLINK", Unsupported),
    (254, "BLUETOOTH_LINUX_MONITOR", Unsupported),
    (255, "BLUETOOTH_BREDR_BB", Unsupported),
    (256, "BLUETOOTH_LE_LL_WITH_PHDR", Unsupported),
    (257, "PROFIBUS_DL", Unsupported),
    (258, "PKTAP", Unsupported),
    (259, "EPON", Unsupported),
    (260, "IPMI_HPM_2", Unsupported),
    (261, "ZWAVE_R1_R2", Unsupported),
    (262, "ZWAVE_R3", Unsupported),
    (263, "WATTSTOPPER_DLM", Unsupported),
    (264, "ISO_14443", Unsupported),
    (265, "RDS", Unsupported),
    (266, "USB_DARWIN", Unsupported),
    (267, "OPENFLOW", Unsupported),
    (268, "SDLC", Unsupported),
    (269, "TI_LLN_SNIFFER", Unsupported),
    (270, "LORATAP", Unsupported),
    (271, "VSOCK", Unsupported),
    (272, "NORDIC_BLE", Unsupported),
    (273, "DOCSIS31_XRA31", Unsupported),
    (274, "ETHERNET_MPACKET", Unsupported),
    (275, "DISPLAYPORT_AUX", Unsupported),
    (276, "LINUX_SLL2", LinuxCooked2),
    (278, "OPENVIZSLA", Unsupported),
    (279, "EBHSCR", Unsupported),
    (280, "VPP_DISPATCH", Unsupported),
    (281, "DSA_TAG_BRCM", Unsupported),
    (282, "DSA_TAG_BRCM_PREPEND", Unsupported),
    (283, "IEEE802_15_4_TAP", Unsupported),
    (284, "DSA_TAG_DSA", Unsupported),
    (285, "DSA_TAG_EDSA", Unsupported),
    (286, "ELEE", Unsupported),
    (287, "Z_WAVE_SERIAL", Unsupported),
    (288, "USB_2_0", Unsupported),
    (289, "ATSC_ALP", Unsupported),
    (290, "ETW", Unsupported),
];

fn entry(number: u32) -> Option<&'static (u32, &'static str, LinkType)> {
    let place = LINK_TYPES.binary_search_by_key(&number, |entry| entry.0);
    LINK_TYPES.get(place.ok()?)
}

/// Returns the engine's link type for the number in a file.
pub(super) fn link_type(number: u32) -> LinkType {
    entry(number).map_or(Unsupported, |entry| entry.2)
}

/// The numbers of packets of unsupported link types, by link type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnsupportedLinkTypes {
    packets: BTreeMap<u32, u64>,
}

impl UnsupportedLinkTypes {
    #[cold]
    pub(super) fn count(&mut self, number: u32) {
        *self.packets.entry(number).or_default() += 1;
    }

    /// Adds the packets of `others`.
    pub(crate) fn add(&mut self, others: Self) {
        for (number, packets) in others.packets {
            *self.packets.entry(number).or_default() += packets;
        }
    }

    /// Returns whether there are no such packets.
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

/// The maximum number of link types in one line.
const NAMED: usize = 8;

impl fmt::Display for UnsupportedLinkTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (number, packets)) in self.packets.iter().take(NAMED).enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}link type {number}")?;
            if let Some((_, name, _)) = entry(*number) {
                write!(f, " ({name})")?;
            }
            let plural = if *packets == 1 { "" } else { "s" };
            write!(f, " is not supported: {packets} packet{plural} ignored")?;
        }
        match self.packets.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more link types"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(LINK_TYPES.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn unsupported_ones_are_named_in_a_line_of_bounded_length() {
        let mut unsupported = UnsupportedLinkTypes::default();
        assert!(unsupported.is_empty());
        unsupported.count(143);
        let mut more = UnsupportedLinkTypes::default();
        more.count(143);
        more.count(9999);
        unsupported.add(more);
        assert_eq!(
            unsupported.to_string(),
            "link type 143 (DOCSIS) is not supported: 2 packets ignored, \
             link type 9999 is not supported: 1 packet ignored"
        );
        for number in 9000..9999 {
            unsupported.count(number);
        }
        let line = unsupported.to_string();
        assert!(line.ends_with(", and 993 more link types"), "{line}");
        assert!(line.len() < 600);
    }
}
