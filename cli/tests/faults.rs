// SPDX-License-Identifier: Apache-2.0
//! Small inputs that went wrong once, in this meter or in another, with what is right.
//!
//! One test for each file of `shared/faults`; its README says where each kind was reported.

mod support;

use support::fault;
use support::ipfix::exported_at;
use support::replay::Replay;

/// A flow that is idle is exported when its time has come, while another goes on for half an hour
/// and for a worker that has no more packets.
#[test]
fn an_idle_flow_beside_one_that_goes_on() {
    let test = "an_idle_flow_beside_one_that_goes_on";
    let Some(file) = fault(test, "late.pcap") else {
        return;
    };
    let start = 1_700_000_000;
    for workers in ["1", "2", "3", "4"] {
        let replay = Replay::of(&file, &["--workers", workers]);
        assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
        let exported = exported_at(&std::fs::read(replay.output()).expect("the file"));
        let of_port = |port: u64| -> Vec<u32> {
            let records = exported
                .iter()
                .filter(|(_, record)| record.number(7) == port);
            records.map(|(time, _)| time - start).collect()
        };
        let idle = of_port(53);
        assert!(matches!(idle[..], [15..=17]), "{workers} workers: {idle:?}");
        // One record a minute, each when the minute was over, and the last at the end.
        let going_on = of_port(9);
        assert_eq!(going_on.len(), 30, "{workers} workers");
        for (minute, time) in (1..30).zip(&going_on) {
            let late = time - minute * 60;
            assert!(late <= 2, "{workers} workers: {going_on:?}");
        }
        assert_eq!(going_on[29], 1799, "{workers} workers");
    }
}
