// SPDX-License-Identifier: Apache-2.0
//! A replay to a file, and its results.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::flows::{Tally, dump};
use super::ipfix::{DEFAULT_LIMIT, Decoder, Record, Way};
use super::process::{Finished, flowmeter, run};

/// A replay that has ended.
pub(crate) struct Replay {
    pub(crate) finished: Finished,
    folder: TempDir,
}

impl Replay {
    /// Replays `capture` to a file of its own with these options.
    pub(crate) fn of(capture: &Path, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = flowmeter(["replay", "--json"]);
        command
            .arg(capture)
            .arg("--output")
            .arg(folder.path().join(OUTPUT));
        // Enough for the flows of all captures here.
        command.args(["--flows", "65536"]).args(options);
        let finished = run(command);
        Self { finished, folder }
    }

    /// Returns the path of the IPFIX file.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join(OUTPUT)
    }

    /// Returns all records in the file, as `flowmeter dump --json` shows them.
    pub(crate) fn dumped(&self) -> Vec<Map<String, Value>> {
        dump(&self.output())
    }

    /// Returns all records in the file, as the strict decoder reads them.
    pub(crate) fn decoded(&self) -> Vec<Record> {
        let octets = std::fs::read(self.output()).expect("the file");
        Decoder::new(Way::Stream, DEFAULT_LIMIT).read_stream(&octets)
    }

    /// Returns the summary.
    pub(crate) fn summary(&self) -> Summary {
        Summary(self.finished.json())
    }
}

const OUTPUT: &str = "flows.ipfix";

/// The output of `replay --json`.
#[derive(Clone, Debug)]
pub(crate) struct Summary(pub(crate) Value);

impl Summary {
    #[track_caller]
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key}: {}", self.0))
    }

    /// Returns the packets and octets that were observed.
    pub(crate) fn observed(&self) -> Tally {
        Tally {
            packets: self.number("packets"),
            octets: self.number("octets"),
        }
    }

    /// Returns the number of packets that were ignored for this reason.
    #[track_caller]
    pub(crate) fn ignored_as(&self, reason: &str) -> u64 {
        let packets = self.0["ignored"][reason].as_u64();
        packets.unwrap_or_else(|| panic!("no ignored {reason}: {}", self.0))
    }

    /// Returns the number of packets that were ignored.
    pub(crate) fn ignored(&self) -> u64 {
        let ignored = self.0["ignored"].as_object().expect("an object");
        ignored.keys().map(|reason| self.ignored_as(reason)).sum()
    }

    /// Returns a value of the target at this index.
    #[track_caller]
    pub(crate) fn target(&self, place: usize, key: &str) -> &Value {
        let target = self.0["targets"]
            .get(place)
            .and_then(|target| target.get(key));
        target.unwrap_or_else(|| panic!("no {key} of target {place}: {}", self.0))
    }

    /// Returns the part that is the same in each replay: without the time, and without the number of
    /// messages, which depends on the order of records in the table.
    pub(crate) fn without_chance(mut self) -> Value {
        let object = self.0.as_object_mut().expect("an object");
        for key in ["elapsed_seconds", "packets_per_second", "messages"] {
            assert!(object.remove(key).is_some(), "no {key}");
        }
        self.0
    }
}
