// SPDX-License-Identifier: Apache-2.0
//! tcpdump's test captures, many of them malformed or of unsupported link types.
//!
//! For every capture, a replay ends by itself, accounts for each packet, and exports valid IPFIX.

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
fn every_capture_is_accounted_for_and_exported_as_valid_ipfix() {
    let test = "every_capture_is_accounted_for_and_exported_as_valid_ipfix";
    let Some(captures) = corpus(test, "tcpdump") else {
        return;
    };
    check_all(
        &captures,
        |capture| name(capture),
        |capture| {
            let ip = Accounts::of(capture, &[]);
            let all = Accounts::of(capture, &["--l2"]);
            // Metering more packets does not change how many are observed.
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

/// The corpus in one replay with four workers and the shortest datagrams. Its packets are out of order,
/// and its interfaces have many names.
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
    // It has packets of the year 586,524; export times wrap in 2106.
    decoder.times_ascend = false;
    let records: Vec<_> = datagrams
        .iter()
        .flat_map(|datagram| decoder.read(datagram))
        .collect();

    let summary = Summary(finished.json());
    // Workers do not count the messages that UDP repeats, which have at most as many octets as the
    // flow records.
    let messages = summary.number("messages");
    let sent = decoder.messages;
    assert!((messages..=2 * messages).contains(&sent), "{sent} messages");
    let flows = records.iter().filter(|record| !record.is_options).count();
    assert_eq!(summary.number("records"), flows as u64, "records");
    let packets = total(&records).packets + summary.ignored();
    assert_eq!(packets, summary.number("packets"), "packets");
    assert!(packets > 10_000, "{packets}");
}

/// A replay of several captures meters the same packets as replays of each.
#[test]
fn several_captures_add_up() {
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

/// Checks the exit status: 0, or 1 with error lines.
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

/// The accounts of a capture's packets.
struct Accounts {
    summary: Summary,
    observed: Tally,
    recorded: Tally,
}

impl Accounts {
    /// Replays the capture and checks its accounts.
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
        // Octets of ignored packets are not reported.
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
