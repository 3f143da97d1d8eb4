// SPDX-License-Identifier: Apache-2.0
//! One replay into a file, and what it says of itself.

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
    /// Replays `capture` into a file of its own with these options.
    pub(crate) fn of(capture: &Path, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = flowmeter(["replay", "--json"]);
        command
            .arg(capture)
            .arg("--output")
            .arg(folder.path().join(OUTPUT));
        // Room for all flows of any capture here, and quicker to set up than the default.
        command.args(["--flows", "65536"]).args(options);
        let finished = run(command);
        Self { finished, folder }
    }

    /// The IPFIX file.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join(OUTPUT)
    }

    /// Every record in the file, as `flowmeter dump --json` shows it.
    pub(crate) fn dumped(&self) -> Vec<Map<String, Value>> {
        dump(&self.output())
    }

    /// Every record in the file, as a strict decoder finds it.
    pub(crate) fn decoded(&self) -> Vec<Record> {
        let octets = std::fs::read(self.output()).expect("the file");
        Decoder::new(Way::Stream, DEFAULT_LIMIT).read_stream(&octets)
    }

    /// The summary.
    pub(crate) fn summary(&self) -> Summary {
        Summary(self.finished.json())
    }
}

const OUTPUT: &str = "flows.ipfix";

/// What `replay --json` prints.
#[derive(Clone, Debug)]
pub(crate) struct Summary(pub(crate) Value);

impl Summary {
    #[track_caller]
    pub(crate) fn number(&self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key}: {}", self.0))
    }

    /// Packets and octets that were observed.
    pub(crate) fn observed(&self) -> Tally {
        Tally {
            packets: self.number("packets"),
            octets: self.number("octets"),
        }
    }

    /// Packets that were ignored for this reason.
    #[track_caller]
    pub(crate) fn ignored_as(&self, reason: &str) -> u64 {
        let packets = self.0["ignored"][reason].as_u64();
        packets.unwrap_or_else(|| panic!("no ignored {reason}: {}", self.0))
    }

    /// Packets that were ignored.
    pub(crate) fn ignored(&self) -> u64 {
        let ignored = self.0["ignored"].as_object().expect("an object");
        ignored.keys().map(|reason| self.ignored_as(reason)).sum()
    }

    /// A value of the target at this place.
    #[track_caller]
    pub(crate) fn target(&self, place: usize, key: &str) -> &Value {
        let target = self.0["targets"]
            .get(place)
            .and_then(|target| target.get(key));
        target.unwrap_or_else(|| panic!("no {key} of target {place}: {}", self.0))
    }

    /// What is the same in every replay: without how long it took, and without how many
    /// messages the records needed, which depends on their order in the table.
    pub(crate) fn without_chance(mut self) -> Value {
        let object = self.0.as_object_mut().expect("an object");
        for key in ["elapsed_seconds", "packets_per_second", "messages"] {
            assert!(object.remove(key).is_some(), "no {key}");
        }
        self.0
    }
}
