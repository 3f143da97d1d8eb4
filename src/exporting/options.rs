// SPDX-License-Identifier: Apache-2.0
//! Options Data Records: the interfaces of the device, and how packets are selected.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::information_element::*;
use super::template::{FieldSpecifier, Template, TemplateId};
use crate::observation::ObservationDomainId;

/// An interface of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The number that records have in `ingressInterface` and `egressInterface`.
    pub number: u32,
    /// The device's name of it; cut to 64 octets.
    pub name: String,
    /// The operator's name of it; cut to 64 octets. Some collectors show this one.
    pub description: String,
}

/// The interfaces of a device, and which of them the last update has changed.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    all: Arc<[Interface]>,
    changed: Arc<[Interface]>,
}

impl Interfaces {
    /// Returns all interfaces, in the order of their numbers.
    pub fn all(&self) -> &Arc<[Interface]> {
        &self.all
    }

    /// Returns those that are new or have changed.
    pub fn changed(&self) -> &Arc<[Interface]> {
        &self.changed
    }

    /// Returns the state after an update to these interfaces, or `None` if none has changed.
    #[must_use]
    pub fn update(&self, mut interfaces: Vec<Interface>) -> Option<Self> {
        interfaces.sort_by_key(|interface| interface.number);
        if *interfaces == *self.all {
            return None;
        }
        let is_new = |interface: &&Interface| {
            let known = self
                .all
                .binary_search_by_key(&interface.number, |known| known.number);
            known.map_or(true, |index| self.all[index] != **interface)
        };
        Some(Self {
            changed: interfaces.iter().filter(is_new).cloned().collect(),
            all: interfaces.into(),
        })
    }
}

const NAME: usize = 64;

/// Options Template 512: the interfaces of a domain. The interface's number is no scope
/// field, since some collectors read only the first.
pub(super) const INTERFACES: Template = Template {
    id: TemplateId(512),
    scope_fields: 1,
    fields: &[
        FieldSpecifier::new(OBSERVATION_DOMAIN_ID),
        FieldSpecifier::new(INGRESS_INTERFACE),
        FieldSpecifier::with_length(INTERFACE_NAME, NAME as u16),
        FieldSpecifier::with_length(INTERFACE_DESCRIPTION, NAME as u16),
    ],
};

/// Options Template 513: how packets are selected. The interval is 1: every packet.
pub(super) const SAMPLING: Template = Template {
    id: TemplateId(513),
    scope_fields: 1,
    fields: &[
        FieldSpecifier::new(OBSERVATION_DOMAIN_ID),
        FieldSpecifier::new(SAMPLING_INTERVAL),
    ],
};

/// Returns the Data Record of Options Template 512 for `interface`.
pub(super) fn interface_record(
    domain: ObservationDomainId,
    interface: &Interface,
) -> [u8; INTERFACES.record_length()] {
    let mut octets = [0; INTERFACES.record_length()];
    octets[..4].copy_from_slice(&domain.0.to_be_bytes());
    octets[4..8].copy_from_slice(&interface.number.to_be_bytes());
    put_string(&mut octets[8..8 + NAME], &interface.name);
    put_string(&mut octets[8 + NAME..], &interface.description);
    octets
}

/// Returns the Data Record of Options Template 513.
pub(super) fn sampling_record(domain: ObservationDomainId) -> [u8; SAMPLING.record_length()] {
    let mut octets = [0; SAMPLING.record_length()];
    octets[..4].copy_from_slice(&domain.0.to_be_bytes());
    octets[4..].copy_from_slice(&1u32.to_be_bytes());
    octets
}

/// Writes a string into a field of fixed length, filled up with zeros and never cut inside
/// a character (RFC 7011 §6.1.6: UTF-8).
fn put_string(field: &mut [u8], string: &str) {
    let end = string.floor_char_boundary(field.len());
    field[..end].copy_from_slice(&string.as_bytes()[..end]);
}
