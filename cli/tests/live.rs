// SPDX-License-Identifier: Apache-2.0
//! Live inputs: time passes while they are quiet, and signals end a blocked read.

mod support;

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::capture::{Order, Packet, pcap, udp_packet};
use support::ipfix::{DEFAULT_LIMIT, Decoder, Record, Way};
use support::process::{Finished, finish, flowmeter, start};
use support::replay::Summary;

/// A time limit that is sufficient on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time of the first packets, in seconds.
const BEGIN: u32 = 1_767_225_600;

/// Returns a pcap file of these packets.
fn capture(packets: &[Packet]) -> Vec<u8> {
    pcap(packets, Order::Little, false, 65_535)
}

/// Creates a named pipe.
fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    pipe
}

fn send_signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.expect("kill").success());
}

/// Waits until the child has a handler of SIGINT.
fn wait_until_signals_are_handled(child: &Child) {
    wait_for("handler of signals", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
        (caught & 1 << (2 - 1) != 0).then_some(())
    });
}

/// Returns the flow records in a file so far.
fn records(file: &Path) -> Vec<Record> {
    let octets = std::fs::read(file).unwrap_or_default();
    // The last message may be half written.
    let mut whole = 0;
    while let Some(length) = octets.get(whole + 2..whole + 4) {
        let end = whole + usize::from(u16::from_be_bytes([length[0], length[1]]));
        if end > octets.len() {
            break;
        }
        whole = end;
    }
    let mut decoder = Decoder::new(Way::Stream, DEFAULT_LIMIT);
    let records = decoder.read_stream(&octets[..whole]).into_iter();
    records.filter(|record| !record.is_options).collect()
}

/// Waits until `ready` returns a value.
#[track_caller]
fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "no {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn summary(finished: &Finished) -> Summary {
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert_eq!(finished.error, "");
    Summary(finished.json())
}

/// Flows end while no packet arrives, with one worker and with several, and their records are sent to a
/// file and a collector, close to the timeout.
#[test]
fn a_quiet_pipe_exports_what_is_idle() {
    for workers in ["1", "3"] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("flows.ipfix");
        let collector = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        collector
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        let name = format!("udp://{}", collector.local_addr().expect("its address"));
        let mut command = flowmeter(["replay", "-", "--json", "--idle-timeout", "3"]);
        command.args(["--workers", workers, "--collector", &name]);
        command.arg("--output").arg(&output);
        command.stdin(Stdio::piped());
        let mut child = start(command);
        let mut input = child.stdin.take().expect("a pipe");
        let packets: Vec<_> = (0..20).map(|port| udp_packet(0, port, b"")).collect();
        let sent = Instant::now();
        input.write_all(&capture(&packets)).expect("a reader");

        wait_for("records", || (records(&output).len() == 20).then_some(()));
        let waited = sent.elapsed();
        assert!(waited >= Duration::from_secs(3), "{waited:?}");

        // The collector has them too, with the export time.
        let mut decoder = Decoder::new(Way::Datagrams, DEFAULT_LIMIT);
        let mut datagram = [0; 2000];
        let mut flows = 0;
        while flows < 20 {
            let length = collector.recv(&mut datagram).expect("a datagram");
            let read = decoder.read(&datagram[..length]).into_iter();
            let read = read.filter(|record| !record.is_options).count();
            flows += read;
            let time = u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]);
            if read > 0 {
                let late = time - BEGIN;
                assert!((3..=3 + waited.as_secs() as u32).contains(&late), "{late}");
            }
        }

        drop(input);
        let summary = summary(&finish(child));
        assert_eq!(summary.number("packets"), 20);
        assert_eq!(summary.0["end_reasons"]["idle_timeout"], 20);
    }
}

/// Packets that were delayed in a buffer do not advance time again: the flow is one record.
#[test]
fn delayed_packets_do_not_advance_time_twice() {
    let mut command = flowmeter(["replay", "-", "--json", "--idle-timeout", "4"]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    let first = capture(&[udp_packet(0, 1, b"")]);
    input.write_all(&first).expect("a reader");
    thread::sleep(Duration::from_secs(2));
    // Two seconds of packets at once.
    let packets: Vec<_> = (1..=20)
        .map(|number| udp_packet(number * 100, 1, b""))
        .collect();
    input.write_all(&capture(&packets)[24..]).expect("a reader");
    drop(input);
    let summary = summary(&finish(child));
    assert_eq!(
        (summary.number("packets"), summary.number("records")),
        (21, 1)
    );
    assert_eq!(summary.0["end_reasons"]["forced_end"], 1);
}

/// Memory grows with the flows, whatever the value of `--flows`.
#[test]
fn few_flows_take_little_memory() {
    let mut command = flowmeter(["replay", "-", "--json", "--workers", "4"]);
    command.args(["--flows", "10000000"]).stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    let packets: Vec<_> = (0..12_288).map(|port| udp_packet(0, port, b"")).collect();
    input.write_all(&capture(&packets)).expect("a reader");
    thread::sleep(Duration::from_secs(1));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.expect("what the system says of it");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|most| most.trim().strip_suffix(" kB"));
    let most: u64 = most.and_then(|most| most.parse().ok()).expect("a number");
    assert!(most < 64 << 10, "{most} KiB");
    drop(input);
    assert_eq!(summary(&finish(child)).number("flows"), 12_288);
}

/// RFC 7011 §8.4: a restarted collector receives templates while nothing else is sent, after 30 seconds
/// of real time.
#[test]
fn a_quiet_pipe_repeats_templates() {
    let collector = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    collector
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    let name = format!("udp://{}", collector.local_addr().expect("its address"));
    let mut command = flowmeter(["replay", "-", "--json", "--collector", &name]);
    command.args(["--idle-timeout", "1"]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    let packet = udp_packet(0, 1, b"");
    input.write_all(&capture(&[packet])).expect("a reader");
    let mut datagram = [0; 2000];
    let mut announced = 0;
    while announced < 2 {
        collector.recv(&mut datagram).expect("a datagram");
        announced += usize::from(datagram[16..18] == [0, 2]);
    }
    drop(input);
    summary(&finish(child));
}

/// SIGINT and SIGTERM end a blocked read of standard input or a named pipe: the exit status is 0, the
/// summary is printed, and all flows are in the file.
#[test]
fn a_signal_ends_a_read_that_blocks() {
    for (signal, named) in [
        ("INT", false),
        ("TERM", false),
        ("INT", true),
        ("TERM", true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("flows.ipfix");
        let mut command = flowmeter(["replay", "--json", "--workers", "2"]);
        command.arg("--output").arg(&output);
        let packets: Vec<_> = (0..100).map(|port| udp_packet(0, port, b"")).collect();
        let octets = capture(&packets);
        let path = pipe(folder.path());
        let mut input: Box<dyn Write>;
        let child = if named {
            command.arg(&path).stdin(Stdio::null());
            let child = start(command);
            input = Box::new(File::create(&path).expect("the pipe"));
            child
        } else {
            command.arg("-").stdin(Stdio::piped());
            let mut child = start(command);
            input = Box::new(child.stdin.take().expect("a pipe"));
            child
        };
        input.write_all(&octets).expect("a reader");
        // When the file exists, the capture has been opened. Its packets follow in the same write.
        wait_for("file", || output.exists().then_some(()));
        thread::sleep(Duration::from_secs(1));
        send_signal(&child, signal);
        let finished = finish(child);
        let summary = summary(&finished);
        assert_eq!(summary.number("packets"), 100, "{signal}");
        assert_eq!(summary.0["end_reasons"]["forced_end"], 100, "{signal}");
        assert_eq!(records(&output).len(), 100, "{signal}");
        drop(input);
    }
}

/// Ignored packets are reported.
#[test]
fn a_signal_ends_a_capture_of_a_link_type_that_is_not_supported() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("flows.ipfix");
    let mut command = flowmeter(["replay", "-", "--json", "--output"]);
    command.arg(&output).stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    let mut octets = capture(&[udp_packet(0, 1, b""), udp_packet(0, 2, b"")]);
    octets[20] = 143;
    input.write_all(&octets).expect("a reader");
    wait_for("file", || output.exists().then_some(()));
    thread::sleep(Duration::from_secs(1));
    send_signal(&child, "INT");
    let finished = finish(child).expect_code(1);
    assert_eq!(
        finished.error_line(),
        "flowmeter: standard input: link type 143 (DOCSIS) is not supported: 2 packets ignored"
    );
}

/// A signal also ends the opening of a named pipe without a writer.
#[test]
fn a_signal_ends_the_wait_for_a_writer() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = flowmeter(["replay", "--json"]);
    command.arg(pipe(folder.path())).stdin(Stdio::null());
    let child = start(command);
    wait_until_signals_are_handled(&child);
    send_signal(&child, "TERM");
    assert_eq!(summary(&finish(child)).number("packets"), 0);
}

/// A second signal ends the command at once. Here the output cannot be completed, as the pipe has no
/// reader.
#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = pipe(folder.path());
    let mut command = flowmeter(["replay", "-", "--json", "--output"]);
    command.arg(&path).stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    wait_until_signals_are_handled(&child);
    // More than the pipe's capacity, so that some of it has been read afterwards.
    let packets = vec![udp_packet(0, 1, &[0; 1000]); 200];
    input.write_all(&capture(&packets)).expect("a reader");
    thread::sleep(Duration::from_secs(1));
    send_signal(&child, "INT");
    thread::sleep(Duration::from_secs(1));
    assert!(
        child.try_wait().expect("its state").is_none(),
        "it waits for a reader"
    );
    send_signal(&child, "INT");
    let finished = finish(child);
    assert_eq!(finished.code(), Some(130), "{finished:?}");
    assert_eq!(finished.out, "");
}
