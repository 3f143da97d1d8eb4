// SPDX-License-Identifier: Apache-2.0
//! Failing targets: each is reported once with its losses, and the others receive everything.

mod support;

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use support::capture::{Order, pcap, udp_packet};
use support::collectors::free_port;
use support::datagrams::accept_one;
use support::example;
use support::ipfix::{DEFAULT_LIMIT, Decoder, Way};
use support::process::{Finished, finish, flowmeter, run, start};
use support::replay::{Replay, Summary};

/// A number of flows whose records exceed all pipes, sockets and buffers on the way.
const MANY: u16 = 60_000;

/// Writes a capture with [`MANY`] flows of a packet each.
fn many_flows(folder: &Path) -> std::path::PathBuf {
    let packets: Vec<_> = (0..MANY)
        .map(|port| udp_packet(u64::from(port / 100), port, b""))
        .collect();
    let file = folder.join("many.pcap");
    std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");
    file
}

/// Checks the report of a target that lost records, and returns their number.
#[track_caller]
fn check_loss(finished: &Finished, place: usize, name: &str, reasons: &[&str]) -> u64 {
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let summary = Summary(finished.json());
    let target = |key| summary.target(place, key).clone();
    assert_eq!(target("target"), name);
    let [sent, lost] = ["records", "lost"].map(|key| target(key).as_u64().expect("a number"));
    assert_eq!(sent + lost, summary.number("records"), "{summary:?}");
    assert!(lost > 0, "{summary:?}");
    let by_reason = target("lost_by_reason");
    let by_reason = by_reason.as_object().expect("an object");
    for (reason, records) in by_reason {
        assert!(reasons.contains(&reason.as_str()), "{reason}");
        assert!(records.as_u64() > Some(0), "{summary:?}");
    }
    let sum = by_reason
        .values()
        .filter_map(|records| records.as_u64())
        .sum::<u64>();
    assert_eq!(sum, lost, "{summary:?}");
    let line = finished.error_line();
    assert!(line.starts_with(&format!("flowmeter: {name}: ")), "{line}");
    assert!(
        line.ends_with(&format!(": {lost} of {} records lost", sent + lost)),
        "{line}"
    );
    lost
}

#[test]
fn a_refusing_collector_loses_everything_and_the_file_nothing() {
    let closed = free_port("127.0.0.1");
    let collector = format!("tcp://{closed}");
    let replay = Replay::of(&example("dns.pcap"), &["--collector", &collector]);
    let lost = check_loss(&replay.finished, 0, &collector, &["collector_unreachable"]);
    assert_eq!(lost, 64);
    let summary = replay.summary();
    assert_eq!(summary.target(1, "lost"), 0);
    assert_eq!(summary.target(1, "lost_by_reason"), &serde_json::json!({}));
    let flows = replay
        .decoded()
        .iter()
        .filter(|record| !record.is_options)
        .count();
    assert_eq!(flows, 64);
}

#[test]
fn a_full_disk_is_reported_with_the_loss() {
    let mut command = flowmeter(["replay", "--json", "--output", "/dev/full"]);
    let finished = run({
        command.arg(example("dns.pcap"));
        command
    });
    let lost = check_loss(&finished, 0, "/dev/full", &["disk_full"]);
    assert_eq!(lost, 64);
}

#[test]
fn a_file_that_cannot_be_created_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("missing").join("flows.ipfix");
    let mut command = flowmeter(["replay", "--json"]);
    command
        .arg(example("dns.pcap"))
        .arg("--output")
        .arg(&output);
    let finished = run(command);
    let output = output.display().to_string();
    assert_eq!(check_loss(&finished, 0, &output, &["output_failed"]), 64);
}

#[test]
fn a_pipe_without_a_reader_is_broken() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let mut command = flowmeter(["replay", "--json"]);
    command
        .arg(many_flows(folder.path()))
        .arg("--output")
        .arg(&pipe);
    let child = start(command);
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || {
            let mut octets = [0; 100];
            File::open(pipe)
                .expect("the pipe")
                .read_exact(&mut octets)
                .expect("octets");
        })
    };
    let finished = finish(child);
    reader.join().expect("the reader");
    let pipe = pipe.display().to_string();
    check_loss(&finished, 0, &pipe, &["broken_pipe"]);
}

#[test]
fn a_collector_that_closes_the_connection_loses_the_rest_and_another_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let leaver = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let leaving = format!("tcp://{}", leaver.local_addr().expect("its address"));
    let hang_up = thread::spawn(move || drop(leaver.accept().expect("a connection")));
    let stayer = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let staying = format!("tcp://{}", stayer.local_addr().expect("its address"));
    let stream = accept_one(stayer);

    let mut command = flowmeter(["replay", "--json"]);
    command.arg(many_flows(folder.path()));
    command.args(["--collector", &leaving, "--collector", &staying]);
    let finished = run(command);
    hang_up.join().expect("the one that leaves");
    let octets = stream.join().expect("the one that stays");
    check_loss(
        &finished,
        0,
        &leaving,
        &["broken_pipe", "collector_unreachable"],
    );
    let records = Decoder::new(Way::Stream, DEFAULT_LIMIT).read_stream(&octets);
    let flows = records.iter().filter(|record| !record.is_options).count();
    assert_eq!(flows, usize::from(MANY));
}

/// Each refused datagram that the system reports is counted.
#[test]
fn a_port_that_refuses_datagrams_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = format!("udp://{}", free_port("127.0.0.1"));
    let mut command = flowmeter(["replay", "--json", "--collector", &collector]);
    command.arg(many_flows(folder.path()));
    let lost = check_loss(&run(command), 0, &collector, &["collector_unreachable"]);
    // On loopback, the system reports each refusal before the next datagram.
    assert_eq!(lost, u64::from(MANY));
}

/// An output that is one of the captures is refused, by whatever name.
#[test]
fn a_capture_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("capture.pcap");
    let octets = std::fs::read(example("dns.pcap")).expect("the example");
    std::fs::write(&capture, &octets).expect("a copy");
    let symbolic = folder.path().join("symbolic.pcap");
    std::os::unix::fs::symlink(&capture, &symbolic).expect("a link");
    let hard = folder.path().join("hard.pcap");
    std::fs::hard_link(&capture, &hard).expect("a link");
    let roundabout = folder.path().join(".").join("capture.pcap");

    for output in [&capture, &roundabout, &symbolic, &hard] {
        let mut command = flowmeter(["replay"]);
        command.arg(&capture).arg("--output").arg(output);
        let finished = run(command);
        let kept = std::fs::read(&capture).expect("the capture") == octets;
        assert!(
            kept,
            "{} is destroyed through {}",
            capture.display(),
            output.display()
        );
        let finished = finished.expect_code(2);
        assert!(
            finished
                .error_line()
                .contains(&output.display().to_string()),
            "{finished:?}"
        );
        assert_eq!(finished.out, "");
    }

    // Standard input has no name.
    let mut command = flowmeter(["replay", "-"]);
    command.arg("--output").arg(&capture);
    command.stdin(File::open(&capture).expect("the capture"));
    let finished = finish(start(command));
    let kept = std::fs::read(&capture).expect("the capture") == octets;
    assert!(kept, "destroyed while it is standard input");
    finished.expect_code(2);
}
