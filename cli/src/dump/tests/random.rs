// SPDX-License-Identifier: Apache-2.0
//! Random files: nothing panics, and both outputs agree on the number of records.

use proptest::prelude::*;

use super::{dumped, file, message, template};
use crate::dump::records::Records;

/// Shows `octets` in both formats, and checks the number of records.
fn survives(octets: &[u8]) {
    let json = dumped(octets, true);
    let table = dumped(octets, false);
    assert!(table.ends_with('\n'));
    let records = Records::new(octets).filter(Result::is_ok).count();
    assert_eq!(json.lines().count(), records);
}

proptest! {
    #[test]
    fn random_octets(octets in prop::collection::vec(any::<u8>(), 0..2000)) {
        survives(&octets);
    }

    /// Sets of random octets after templates with random fields, so that data is decoded.
    #[test]
    fn random_templates_and_data(
        scope in prop::option::of(0u16..3),
        fields in prop::collection::vec((1u16..540, prop_oneof![0u16..20, Just(65535)]), 1..6),
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let fields: Vec<_> = fields.into_iter().map(|(element, length)| [element, length]).collect();
        let set = if scope.is_some() { 3 } else { 2 };
        survives(&message(1, 0, &[(set, &template(300, scope, &fields)), (300, &data)]));
    }

    /// Templates of one field are valid far more often.
    #[test]
    fn random_values(element in 1u16..540, length in 1usize..33, data in any::<[u8; 64]>()) {
        let fields = template(300, None, &[[element, length as u16]]);
        survives(&message(1, 0, &[(2, &fields), (300, &data[..length])]));
    }

    #[test]
    fn mutated_files(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = file().octets;
        for (index, octet) in changes {
            *index.get_mut(&mut octets[..]) = octet;
        }
        survives(&octets);
        octets.truncate(cut.index(octets.len()));
        survives(&octets);
    }
}
