// SPDX-License-Identifier: Apache-2.0
//! tcpdump's own test captures, many of them malformed or of link types that we don't read.
//!
//! Whatever is in a capture, a replay ends by itself, accounts for every packet, and what
//! it exports is IPFIX to the letter.

mod support;

use std::path::{Path, PathBuf};

use support::datagrams::received;
use support::flows::Tally;
use support::ipfix::{Decoder, Way, total};
use support::process::{Finished, flowmeter, run};
use support::replay::{Replay, Summary};
use support::work::check_all;
use support::{corpus, examples, name};

#[test]
fn every_capture_is_accounted_for_and_exported_to_the_letter() {
    let test = "every_capture_is_accounted_for_and_exported_to_the_letter";
    let Some(captures) = corpus(test, "tcpdump") else {
        return;
    };
    check_all(
        &captures,
        |capture| name(capture),
        |capture| {
            let ip = Accounts::of(capture, &[]);
            let all = Accounts::of(capture, &["--l2"]);
            // What is metered does not change what was observed.
            assert_eq!(ip.observed, all.observed, "{}", name(capture));
            assert_eq!(all.summary.ignored_as("non_ip"), 0, "{}", name(capture));
            let moved = ip.summary.ignored_as("non_ip");
            assert_eq!(
                ip.recorded.packets + moved,
                all.recorded.packets,
                "{}",
                name(capture)
            );
        },
    );
}

/// The corpus again, in one replay that four workers share, with all its packets out of
/// order and interfaces that change their names, in the smallest datagrams.
#[test]
fn the_whole_corpus_in_one_replay_is_accounted_for() {
    let test = "the_whole_corpus_in_one_replay_is_accounted_for";
    let Some(captures) = corpus(test, "tcpdump") else {
        return;
    };
    let (finished, datagrams) = received("127.0.0.1", |collector| {
        let mut options = vec!["--l2", "--workers", "4", "--path-mtu", "576"];
        options.extend(["--collector", collector]);
        replay_all(&captures, &options)
    });
    check_end(&finished, "the corpus");
    let mut decoder = Decoder::new(Way::Datagrams, 576 - 28);
    // It has packets of the year 586,524, and export times wrap in 2106.
    decoder.times_ascend = false;
    let records: Vec<_> = datagrams
        .iter()
        .flat_map(|datagram| decoder.read(datagram))
        .collect();

    let summary = Summary(finished.json());
    assert_eq!(summary.number("messages"), decoder.messages, "messages");
    let flows = records.iter().filter(|record| !record.is_options).count();
    assert_eq!(summary.number("records"), flows as u64, "records");
    let packets = total(&records).packets + summary.ignored();
    assert_eq!(packets, summary.number("packets"), "packets");
    assert!(packets > 10_000, "{packets}");
}

/// A replay of several captures meters what replays of each would.
#[test]
fn captures_one_after_the_other_add_up() {
    let captures = examples();
    let mut each = Tally::default();
    for capture in &captures {
        each += Replay::of(capture, &[]).summary().observed();
    }
    let finished = replay_all(&captures, &[]).expect_code(0);
    let together = Summary(finished.json());
    assert_eq!(together.observed(), each);
}

fn replay_all(captures: &[PathBuf], options: &[&str]) -> Finished {
    let mut command = flowmeter(["replay", "--json"]);
    command.args(options).args(captures);
    run(command)
}

/// A replay ends by itself: with 0, or with 1 and what was lost.
fn check_end(finished: &Finished, what: &str) {
    match finished.code() {
        Some(0) => {}
        Some(1) => assert!(
            !finished.error.is_empty(),
            "{what}: status 1 without a word"
        ),
        _ => panic!("{what}: {finished:?}"),
    }
    for line in finished.error.lines() {
        assert!(line.starts_with("flowmeter: "), "{what}: {line}");
    }
}

/// Where the packets of a capture went.
struct Accounts {
    summary: Summary,
    observed: Tally,
    recorded: Tally,
}

impl Accounts {
    /// Replays the capture, and checks that its accounts are right.
    fn of(capture: &Path, options: &[&str]) -> Self {
        let what = format!("{} {options:?}", name(capture));
        let replay = Replay::of(capture, options);
        check_end(&replay.finished, &what);
        let summary = replay.summary();
        let records = replay.decoded();
        let flows = records.iter().filter(|record| !record.is_options).count() as u64;
        assert_eq!(summary.number("records"), flows, "{what}: records");
        assert_eq!(summary.target(0, "records"), flows, "{what}: records sent");
        assert_eq!(summary.target(0, "lost"), 0, "{what}: records lost");

        let (observed, recorded) = (summary.observed(), total(&records));
        let ignored = summary.ignored();
        assert_eq!(
            observed.packets,
            recorded.packets + ignored,
            "{what}: packets"
        );
        // The octets of what was ignored are told nowhere.
        if ignored == 0 {
            assert_eq!(observed.octets, recorded.octets, "{what}: octets");
        } else {
            assert!(observed.octets >= recorded.octets, "{what}: octets");
        }
        Self {
            summary,
            observed,
            recorded,
        }
    }
}
