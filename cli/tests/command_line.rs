// SPDX-License-Identifier: Apache-2.0
//! The command-line interface: options, exit statuses, summaries.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;

use support::flows::{Key, Tally, dump, number};
use support::process::{finish, flowmeter, run, run_flowmeter, run_with_input, start};
use support::replay::{Replay, Summary};
use support::{corpus, example, examples, name};

#[test]
fn a_wrong_command_line_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("flows.ipfix");
    let capture = example("dns.pcap");
    for (options, part) in [
        ("--bogus", "--bogus"),
        ("--workers 0", "expected a number from 1 to 64"),
        ("--workers x", "expected a number from 1 to 64"),
        ("--workers -1", "expected a number from 1 to 64"),
        ("--workers 65", "--workers"),
        ("--flows 0", "--flows"),
        ("--active-timeout 0", "--active-timeout"),
        ("--idle-timeout 99999999999", "--idle-timeout"),
        ("--path-mtu 575", "--path-mtu"),
        ("--path-mtu 9001", "--path-mtu"),
        ("--collector 127.0.0.1:4739", "--collector"),
        ("--collector sctp://127.0.0.1:4739", "--collector"),
        ("--backend none", "expected one of"),
        (
            "--observation-domain 4294967295 --workers 2",
            "--observation-domain",
        ),
    ] {
        let mut command = flowmeter(["replay"]);
        command
            .arg(&capture)
            .arg("--output")
            .arg(&output)
            .args(options.split(' '));
        let finished = run(command).expect_code(2);
        assert!(finished.error.contains(part), "{options}: {finished:?}");
        assert_eq!(finished.out, "", "{options}");
        assert!(!output.exists(), "{options}");
    }
    for arguments in [&[][..], &["replay"], &["dump"], &["bogus"]] {
        run_flowmeter(arguments).expect_code(2);
    }
}

/// The version has the commit, as the engine's has.
#[test]
fn the_version_is_the_engines() {
    let finished = run_flowmeter(["--version"]).expect_code(0);
    assert_eq!(finished.out, format!("flowmeter {}\n", flowmeter::VERSION));
    assert!(flowmeter::VERSION.starts_with(env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_option_is_described() {
    for (command, expected) in [
        (
            "replay",
            &[
                "--collector",
                "--output",
                "--active-timeout",
                "--idle-timeout",
                "--flows",
                "--workers",
                "--observation-domain",
                "--top",
                "--json",
                "--help",
            ][..],
        ),
        ("dump", &["--json", "--help"]),
    ] {
        let help = run_flowmeter([command, "--help"]).expect_code(0).out;
        let (_, options) = help.split_once("Options:\n").expect("options");
        let lines: Vec<_> = options.lines().collect();
        let mut described = BTreeSet::new();
        for (number, line) in lines.iter().enumerate() {
            let option = line.trim_start();
            if !line.starts_with(' ') || !option.starts_with('-') {
                continue;
            }
            // In the same line, or indented in the next one.
            let beside = option.split_once("  ").map(|(_, text)| text);
            let below = lines
                .get(number + 1)
                .filter(|line| line.starts_with("          "));
            let description = beside.or(below.copied()).unwrap_or_default();
            let words = description.split_whitespace().count();
            assert!(words > 1, "{command}: {option} is not described:\n{help}");
            let long = option.split([' ', ',']).find(|word| word.starts_with("--"));
            described.insert(long.expect("a long name").to_owned());
        }
        for option in expected {
            assert!(described.contains(*option), "{command} {option}:\n{help}");
        }
        assert!(!help.contains("--backend"), "hidden, as it is for tests");
    }
}

/// Runs the examples of each help in a shell, in a folder with the files that they name. Those for a
/// network interface read a capture instead.
#[test]
fn the_examples_of_every_help_work() {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to) in [
        ("dns.pcap", "capture.pcap"),
        ("pods.pcapng", "capture.pcapng"),
    ] {
        std::fs::copy(example(from), folder.path().join(to)).expect("a copy");
    }
    for to in ["a.pcapng", "b.pcapng"] {
        std::fs::copy(example("pods.pcapng"), folder.path().join(to)).expect("a copy");
    }
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_flowmeter"));
    let programs = programs.parent().expect("a folder").display();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let udp = udp.local_addr().expect("its address");
    let tcp = TcpListener::bind("[::1]:0").expect("a free port");
    let tcp_address = tcp.local_addr().expect("its address");
    let mut run_examples = 0;
    for command in [&[][..], &["replay"], &["dump"]] {
        let help = run_flowmeter(command.iter().chain(&["--help"])).expect_code(0);
        let (_, examples) = help.out.split_once("Examples:\n").expect("examples");
        let examples = examples.lines().filter_map(|line| {
            let line = line.strip_prefix("  ")?;
            let command = line.split("   ").next()?;
            (!command.is_empty()).then_some(command)
        });
        let examples: Vec<_> = examples
            .filter(|line| line.contains("flowmeter "))
            .collect();
        assert!(examples.len() >= 3, "{command:?}: {examples:?}");
        for example in examples {
            let line = example
                .replace("tcpdump -i eth0 -U -w -", "cat capture.pcap")
                .replace("udp://127.0.0.1:4739", &format!("udp://{udp}"))
                .replace("tcp://[::1]:4739", &format!("tcp://{tcp_address}"));
            let mut shell = Command::new("sh");
            shell
                .arg("-c")
                .arg(format!("PATH={programs}:$PATH; {line}"));
            shell.current_dir(folder.path());
            let finished = run(shell).expect_code(0);
            assert!(
                !finished.error.contains("flowmeter: "),
                "{example}: {finished:?}"
            );
            run_examples += 1;
        }
    }
    assert!(run_examples >= 9, "{run_examples}");
}

/// Each error is one line that begins with the command's name.
#[test]
fn every_error_is_one_line() {
    let capture = example("dns.pcap");
    let capture = capture.to_str().expect("a name");
    for arguments in [
        &[][..],
        &["replay"],
        &["bogus"],
        &["dump"],
        &["dump", "/nonexistent.ipfix"],
        &["dump", "/"],
        &["dump", "/dev/null"],
        &["replay", "/"],
        &["replay", "/dev/null"],
        &["replay", capture, "--idle-timeout", "-1"],
        &["replay", capture, "--collector", "udp://"],
        &["replay", capture, "--collector", "tcp://127.0.0.1:0"],
        &["replay", capture, "--output", capture],
        &["replay", capture, "--output", "/"],
        &["replay", "/nonexistent.pcap"],
        &["replay", capture, "--bogus"],
        &["replay", capture, "--workers", "0"],
        &["replay", capture, "--flows", "many"],
        &[
            "replay",
            capture,
            "--collector",
            "udp://nowhere.invalid:4739",
        ],
        &["replay", capture, "--output", "/nonexistent/flows.ipfix"],
    ] {
        let finished = run_flowmeter(arguments);
        assert_ne!(finished.code(), Some(0), "{finished:?}");
        assert!(
            finished.error_line().starts_with("flowmeter: "),
            "{finished:?}"
        );
    }
}

#[test]
fn json_has_the_documented_keys() {
    let replay = Replay::of(&example("pods.pcapng"), &["--top", "3"]);
    assert_eq!(replay.finished.code(), Some(0));
    assert_eq!(replay.finished.error, "");
    assert_eq!(replay.finished.out.lines().count(), 1);
    let summary = replay.summary();
    // The numbers of `capinfos` and tshark (examples/README.md).
    assert_eq!(summary.number("packets"), 326);
    assert_eq!(summary.ignored(), 2);
    assert_eq!(summary.ignored_as("non_ip"), 2);

    let records = replay.dumped();
    let flows = records
        .iter()
        .filter(|record| record.contains_key("packetDeltaCount"))
        .count();
    assert_eq!(summary.number("flows"), flows as u64);
    assert_eq!(summary.number("records"), flows as u64);
    assert!(summary.number("messages") > 1);
    assert!(summary.number("octets") > 0);
    assert!(
        summary.0["elapsed_seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    assert!(
        summary.0["packets_per_second"]
            .as_f64()
            .is_some_and(|rate| rate > 0.0)
    );
    let top = summary.0["top"].as_array().expect("an array");
    let octets: Vec<_> = top.iter().map(|flow| flow["octets"].as_u64()).collect();
    assert_eq!(octets.len(), 3);
    assert!(octets.is_sorted_by(|one, next| one >= next), "{octets:?}");
    let largest = records
        .iter()
        .filter(|record| record.contains_key("octetDeltaCount"));
    let largest = largest
        .map(|record| number(record, "octetDeltaCount"))
        .max();
    assert_eq!(octets[0], largest);
}

#[test]
fn text_has_the_same_numbers_as_json() {
    let capture = example("pods.pcapng");
    let finished = run_flowmeter([
        "replay".as_ref(),
        capture.as_os_str(),
        "--top".as_ref(),
        "3".as_ref(),
    ])
    .expect_code(0);
    assert_eq!(finished.error, "");
    for part in [
        "326 packets, 91,740 octets",
        "84 flows, 84 records",
        "2 packets ignored: non_ip",
    ] {
        assert!(
            finished.out.contains(part),
            "no '{part}':\n{}",
            finished.out
        );
    }
    // The table has a line of headings and three of flows, with names of interfaces and protocols.
    let (_, table) = finished.out.split_once("\n\n").expect("a table");
    assert_eq!(table.trim_end().lines().count(), 4, "{table}");
    for flow in table.trim_end().lines().skip(1) {
        assert!(flow.trim_start().starts_with("veth-"), "{flow}");
        assert!(flow.contains(" TCP "), "{flow}");
    }
}

#[test]
fn standard_input_is_read_like_a_file() {
    for capture in ["dns.pcap", "pods.pcapng"] {
        let capture = example(capture);
        let of_file = Replay::of(&capture, &[]);
        let options = ["replay", "-", "--json", "--flows", "65536"];
        let expected = {
            let mut command = flowmeter(["replay", "--json", "--flows", "65536"]);
            command.arg(&capture);
            Summary(run(command).expect_code(0).json()).without_chance()
        };
        assert_eq!(expected["packets"], of_file.summary().number("packets"));

        let octets = std::fs::read(&capture).expect("the capture");
        let piped = run_with_input(flowmeter(options), octets).expect_code(0);
        assert_eq!(
            Summary(piped.json()).without_chance(),
            expected,
            "through a pipe"
        );

        let mut command = flowmeter(options);
        command.stdin(File::open(&capture).expect("the capture"));
        let redirected = finish(start(command)).expect_code(0);
        assert_eq!(
            Summary(redirected.json()).without_chance(),
            expected,
            "redirected"
        );
    }
}

/// A named pipe is opened once: if the check for overwriting opened it, the writer would lose its
/// reader. That would be a race, hence the repetition.
#[test]
fn a_named_pipe_is_read_like_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let output = folder.path().join("flows.ipfix");
    std::fs::write(&output, "there already").expect("a file");
    let octets = std::fs::read(example("iperf3.pcap")).expect("the capture");
    for round in 0..20 {
        let writer = {
            let (pipe, octets) = (pipe.clone(), octets.clone());
            thread::spawn(move || std::fs::write(pipe, octets))
        };
        let mut command = flowmeter(["replay", "--json"]);
        command.arg(&pipe).arg("--output").arg(&output);
        let finished = run(command);
        let written = writer.join().expect("the writer");
        assert!(written.is_ok(), "round {round}: {written:?}, {finished:?}");
        let summary = Summary(finished.expect_code(0).json());
        assert_eq!(summary.number("packets"), 959, "round {round}");
    }
}

/// `--output -` is standard output, to which nothing else is written then.
#[test]
fn records_can_go_to_standard_output() {
    let capture = example("pods.pcapng");
    let file = Replay::of(&capture, &[]);
    let expected = std::fs::read(file.output()).expect("the file");
    for json in [false, true] {
        let mut command = flowmeter(["replay", "--flows", "65536", "--output", "-"]);
        command.arg(&capture).stdin(Stdio::null());
        if json {
            command.arg("--json");
        }
        let finished = command.output().expect("flowmeter");
        assert_eq!(finished.status.code(), Some(0));
        // Export times are those of the capture, so they are equal.
        assert_eq!(finished.stdout.len(), expected.len());
        let summary = String::from_utf8(finished.stderr).expect("text");
        if json {
            let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
            assert_eq!(summary["packets"], 326);
            assert_eq!(summary["targets"][0]["target"], "standard output");
        } else {
            assert!(summary.starts_with("326 packets"), "{summary}");
        }
        let dump = run_with_input(flowmeter(["dump", "-", "--json"]), finished.stdout);
        let records = dump.expect_code(0).out.lines().count();
        assert_eq!(records, file.dumped().len());
    }
}

/// A typing error does not destroy an existing output.
#[test]
fn a_missing_capture_touches_no_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("flows.ipfix");
    let missing = folder.path().join("missing.pcap");
    for existing in [None, Some("there already")] {
        if let Some(text) = existing {
            std::fs::write(&output, text).expect("a file");
        }
        let mut command = flowmeter(["replay"]);
        command.args([&missing, &missing]);
        command.arg("--output").arg(&output);
        let finished = run(command).expect_code(1);
        assert_eq!(finished.error.lines().count(), 2, "{finished:?}");
        assert!(finished.error.contains("missing.pcap"), "{finished:?}");
        let found = std::fs::read_to_string(&output).ok();
        assert_eq!(found.as_deref(), existing);
    }
    // With another capture that exists, the output has its flows.
    let mut command = flowmeter(["replay", "--json"]);
    command.arg(&missing).arg(example("dns.pcap"));
    command.arg("--output").arg(&output);
    let finished = run(command).expect_code(1);
    assert_eq!(Summary(finished.json()).number("packets"), 102);
    assert!(!dump(&output).is_empty());
}

/// Output of the compression programs, in files without a suffix and in pipes.
#[test]
fn compressed_captures_are_read_like_others() {
    let test = "compressed_captures_are_read_like_others";
    let capture = example("pods.pcapng");
    let options = ["replay", "--json", "--flows", "65536"];
    let replay = |file: &std::path::Path| {
        let mut command = flowmeter(options);
        command.arg(file);
        Summary(run(command).expect_code(0).json()).without_chance()
    };
    let expected = replay(&capture);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("capture");
    for (name, arguments) in [
        ("gzip", "-9c"),
        ("zstd", "-qc"),
        ("zstd", "-qc -19 --long=27"),
        ("lz4", "-qc"),
        ("lz4", "-qc -9 -BD"),
        ("lz4", "-qcl"),
    ] {
        let Some(program) = support::program(test, name) else {
            continue;
        };
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).arg(&capture);
        let compressed = command.output().expect("a program that compresses").stdout;
        assert!(!compressed.is_empty(), "{name} {arguments}");
        std::fs::write(&file, &compressed).expect("a file");
        assert_eq!(replay(&file), expected, "{name} {arguments}");
        let mut command = flowmeter(options);
        command.arg("-");
        let piped = run_with_input(command, compressed).expect_code(0);
        let piped = Summary(piped.json()).without_chance();
        assert_eq!(piped, expected, "{name} {arguments} in a pipe");
    }
}

/// Frames that are not IP are metered with `--l2`.
#[test]
fn l2_meters_frames_that_are_not_ip() {
    let replay = Replay::of(&example("dns.pcap"), &["--l2"]);
    let summary = replay.summary();
    assert_eq!((summary.number("packets"), summary.ignored()), (102, 0));
    let mut arp = Tally::default();
    for record in dump(&replay.output()) {
        if record
            .get("ethernetType")
            .is_some_and(|kind| *kind == 0x0806)
        {
            arp += support::flows::tally(&record);
        }
    }
    assert_eq!(
        arp,
        Tally {
            packets: 2,
            octets: 84
        }
    );
}

#[test]
fn each_worker_has_an_observation_domain() {
    let replay = Replay::of(
        &example("pods.pcapng"),
        &["--workers", "3", "--observation-domain", "7"],
    );
    // Options records have their domain; a worker without a flow sends none.
    let domains = replay.dumped();
    let domains: BTreeSet<_> = domains
        .iter()
        .filter(|record| record.contains_key("observationDomainId"))
        .map(|record| number(record, "observationDomainId"))
        .collect();
    assert_eq!(domains, BTreeSet::from([7, 8, 9]));
}

#[test]
fn both_directions_of_a_conversation_go_to_the_same_worker() {
    let records = Replay::of(&example("pods.pcapng"), &["--workers", "4"]).decoded();
    let domains: BTreeMap<_, _> = records
        .iter()
        .filter_map(|record| Some((record.key()?, record.domain)))
        .collect();
    let mut conversations = 0;
    for (key, domain) in &domains {
        let back = Key {
            source: key.destination,
            destination: key.source,
            source_port: key.destination_port,
            destination_port: key.source_port,
            ..*key
        };
        if let Some(other) = domains.get(&back).filter(|_| key.source_port > 0) {
            assert_eq!(other, domain, "{key:?}");
            conversations += 1;
        }
    }
    assert!(conversations > 20, "{conversations}");
    let used: BTreeSet<_> = domains.values().collect();
    assert!(used.len() > 1, "all flows are in one worker");
}

/// A full disk is reported; a closed pipe is not.
#[test]
fn output_that_cannot_be_written_is_reported() {
    let replay = Replay::of(&example("dns.pcap"), &[]);
    let mut replay_again = flowmeter(["replay"]);
    replay_again.arg(example("dns.pcap"));
    let mut dump = flowmeter(["dump"]);
    dump.arg(replay.output());
    for mut command in [replay_again, dump] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        command
            .stdin(Stdio::null())
            .stdout(full)
            .stderr(Stdio::piped());
        let finished = command.output().expect("flowmeter");
        assert_eq!(finished.status.code(), Some(1), "{command:?}");
        let error = String::from_utf8_lossy(&finished.stderr);
        assert_eq!(error.lines().count(), 1, "{command:?}: '{error}'");
        assert!(
            error.contains("No space left on device"),
            "{command:?}: {error}"
        );
    }
}

#[test]
fn valid_captures_cause_no_error_line() {
    let mut captures = examples();
    let test = "valid_captures_cause_no_error_line";
    captures.extend(corpus(test, "traffic").unwrap_or_default());
    for capture in captures {
        let mut command = flowmeter(["replay", "--top", "0"]);
        command.arg(&capture);
        let finished = run(command).expect_code(0);
        assert_eq!(finished.error, "", "{}", name(&capture));
    }
}
