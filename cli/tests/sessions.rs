// SPDX-License-Identifier: Apache-2.0
//! Collectors that start late, restart, are slow, or have several addresses: each connection can be
//! decoded by itself, and every record is sent or counted as lost.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::capture::{Order, Packet, pcap, udp_packet};
use support::datagrams::accept_one;
use support::ipfix::{DEFAULT_LIMIT, Decoder, Record, Way};
use support::process::{Finished, finish, flowmeter, run, start};
use support::replay::Summary;
use support::{example, program, skip};

/// A time limit that is sufficient on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a port of 127.0.0.1 without a listener.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// Starts a replay of standard input, in which flows end a second after their packets.
fn start_live(collector: SocketAddr) -> (Child, ChildStdin) {
    let mut command = flowmeter(["replay", "-", "--json", "--idle-timeout", "1"]);
    command.args(["--collector", &format!("tcp://{collector}")]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("a pipe");
    let header = pcap(&[], Order::Little, false, 65_535);
    input.write_all(&header).expect("a reader");
    (child, input)
}

/// Writes ten packets of ten flows to the replay.
fn send_packets(input: &mut impl Write, milliseconds: u64) {
    let packets: Vec<Packet> = (0..10)
        .map(|port| udp_packet(milliseconds, port, b""))
        .collect();
    let file = pcap(&packets, Order::Little, false, 65_535);
    input.write_all(&file[24..]).expect("a reader");
}

/// Reads this number of flow records from a connection.
fn read_flows(connection: &mut TcpStream, flows: usize) -> Vec<Record> {
    connection
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    let mut decoder = Decoder::new(Way::Stream, DEFAULT_LIMIT);
    let mut records = Vec::new();
    while records.len() < flows {
        let mut header = [0; 4];
        connection.read_exact(&mut header).expect("a message");
        let length = u16::from_be_bytes([header[2], header[3]]);
        let mut message = header.to_vec();
        message.resize(length.into(), 0);
        connection.read_exact(&mut message[4..]).expect("a message");
        let read = decoder.read(&message).into_iter();
        records.extend(read.filter(|record| !record.is_options));
    }
    records
}

/// Returns the number of flow records of a whole connection.
fn flows(octets: &[u8]) -> usize {
    let records = Decoder::new(Way::Stream, DEFAULT_LIMIT).read_stream(octets);
    records.iter().filter(|record| !record.is_options).count()
}

/// Returns the summary, and checks the accounts of its targets.
#[track_caller]
fn summary(finished: &Finished) -> Summary {
    let summary = Summary(finished.json());
    for place in 0..summary.0["targets"].as_array().expect("an array").len() {
        let [sent, lost] =
            ["records", "lost"].map(|key| summary.target(place, key).as_u64().expect("a number"));
        assert_eq!(sent + lost, summary.number("records"), "{summary:?}");
    }
    summary
}

/// A collector that starts late receives everything, from a capture file and from a live input.
#[test]
fn a_collector_that_starts_late_receives_everything() {
    let address = free_port();
    let mut command = flowmeter(["replay", "--json", "--collector"]);
    command.arg(format!("tcp://{address}"));
    command.arg(example("dns.pcap")).stdin(Stdio::null());
    let child = start(command);
    thread::sleep(Duration::from_secs(1));
    let stream = accept_one(TcpListener::bind(address).expect("the port"));
    let finished = finish(child).expect_code(0);
    assert_eq!(flows(&stream.join().expect("the collector")), 64);
    assert_eq!(summary(&finished).target(0, "records"), 64);

    let address = free_port();
    let (child, mut input) = start_live(address);
    send_packets(&mut input, 0);
    thread::sleep(Duration::from_secs(3));
    let listener = TcpListener::bind(address).expect("the port");
    let (mut connection, _) = listener.accept().expect("a connection");
    assert_eq!(read_flows(&mut connection, 10).len(), 10);
    drop(input);
    let finished = finish(child).expect_code(0);
    assert_eq!(summary(&finished).target(0, "connections"), 1);
}

/// RFC 7011 §8, §3.1: a new connection begins with templates and its own sequence numbers.
#[test]
fn a_collector_that_restarts_is_connected_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (child, mut input) = start_live(address);
    let (mut connection, _) = listener.accept().expect("a connection");
    send_packets(&mut input, 0);
    read_flows(&mut connection, 10);
    // Flows end while it is down.
    drop((connection, listener));
    thread::sleep(Duration::from_secs(1));
    send_packets(&mut input, 10_000);
    thread::sleep(Duration::from_secs(2));
    let listener = TcpListener::bind(address).expect("the port");
    let (mut connection, _) = listener.accept().expect("a connection");
    read_flows(&mut connection, 10);
    send_packets(&mut input, 20_000);
    drop(input);
    let mut rest = Vec::new();
    connection
        .read_to_end(&mut rest)
        .expect("a stream that ends");
    let finished = finish(child).expect_code(0);
    let summary = summary(&finished);
    assert_eq!(summary.number("records"), 30);
    assert_eq!(summary.target(0, "records"), 30);
    assert_eq!(summary.target(0, "connections"), 2);
}

/// A collector that reads nothing does not delay another one, nor the end of the command for long. The
/// records that it does not accept are lost.
#[test]
fn a_slow_collector_delays_no_other() {
    const ROUNDS: u64 = 2;
    const PORTS: u16 = 60_000;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.pcap");
    let packets: Vec<_> = (0..ROUNDS)
        .flat_map(|round| (0..PORTS).map(move |port| udp_packet(round * 100_000, port, b"")))
        .collect();
    std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");
    let all = ROUNDS * u64::from(PORTS);

    // The system accepts connections for it, but it never reads.
    let slow = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let fast = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let [slow_name, fast_name] =
        [&slow, &fast].map(|listener| format!("tcp://{}", listener.local_addr().expect("it")));
    let stream = accept_one(fast);
    let reader = thread::spawn(move || (stream.join().expect("the collector"), Instant::now()));
    let mut command = flowmeter(["replay", "--json", "--top", "0"]);
    command.args(["--collector", &slow_name, "--collector", &fast_name]);
    command.arg(&file);
    let finished = run(command);
    let ended = Instant::now();
    let (octets, read) = reader.join().expect("the reader");
    assert_eq!(flows(&octets) as u64, all);
    let waited = ended - read;
    assert!(waited >= Duration::from_secs(5), "{waited:?}");

    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(
        finished
            .error_line()
            .starts_with(&format!("flowmeter: {slow_name}: "))
    );
    let summary = summary(&finished);
    assert_eq!(summary.target(1, "records"), all);
    assert!(summary.target(0, "lost").as_u64() > Some(0));
    assert_eq!(
        summary.target(0, "lost_by_reason")["time_limit"],
        *summary.target(0, "lost")
    );
}

/// The first address of `localhost` is an IPv6 address if there is IPv6; it has no listener.
#[test]
fn all_addresses_of_a_name_are_tried() {
    let capture = example("dns.pcap");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let stream = accept_one(listener);
    let mut command = flowmeter(["replay", "--json", "--collector"]);
    command.arg(format!("tcp://localhost:{port}")).arg(&capture);
    run(command).expect_code(0);
    assert_eq!(flows(&stream.join().expect("the collector")), 64);

    let collector = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    collector
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    let port = collector.local_addr().expect("its address").port();
    let mut command = flowmeter(["replay", "--json", "--collector"]);
    command.arg(format!("udp://localhost:{port}")).arg(&capture);
    let finished = run(command).expect_code(0);
    let summary = summary(&finished);
    assert_eq!(summary.target(0, "records"), 64);
    assert_eq!(summary.target(0, "loss_is_known"), false);
    // The messages fit IPv6 too.
    let mut decoder = Decoder::new(Way::Datagrams, DEFAULT_LIMIT);
    let mut datagram = [0; 2000];
    let mut flows = 0;
    while flows < 64 {
        let length = collector.recv(&mut datagram).expect("a datagram");
        let records = decoder.read(&datagram[..length]).into_iter();
        flows += records.filter(|record| !record.is_options).count();
    }
    assert_eq!(flows, 64);
}

/// RFC 4007 §11: a link-local address belongs to an interface. A network namespace has such an address
/// without a listener, so a refusal shows that it was reached.
#[test]
fn an_address_has_a_zone() {
    let test = "an_address_has_a_zone";
    let (Some(unshare), Some(_)) = (program(test, "unshare"), program(test, "ip")) else {
        return;
    };
    let mut probe = Command::new(&unshare);
    probe.args(["--map-root-user", "--net", "true"]);
    if run(probe).code() != Some(0) {
        skip::<()>(test, "network namespaces");
        return;
    }
    for collector in ["udp://[fe80::1%lo]:4739", "tcp://[fe80::1%lo]:4739"] {
        let mut command = Command::new(&unshare);
        command.args(["--map-root-user", "--net", "sh", "-c"]).arg(
            "ip link set lo up && ip address add fe80::1/64 dev lo nodad && \
             exec \"$0\" replay \"$1\" --json --collector \"$2\"",
        );
        command.arg(env!("CARGO_BIN_EXE_flowmeter"));
        command.arg(example("dns.pcap")).arg(collector);
        let finished = run(command).expect_code(1);
        let line = format!("flowmeter: {collector}: Connection refused: 64 of 64 records lost");
        assert_eq!(finished.error_line(), line);
    }
}

/// The summary says that the loss of datagrams may go unnoticed.
#[test]
fn the_summary_says_that_losses_of_datagrams_are_unknown() {
    let collector = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let name = format!("udp://{}", collector.local_addr().expect("its address"));
    let mut command = flowmeter(["replay", "--top", "0", "--collector", &name]);
    command.arg(example("dns.pcap"));
    let finished = run(command).expect_code(0);
    let line = format!("{name}: 64 records; losses on the way are unknown\n");
    assert!(finished.out.ends_with(&line), "{}", finished.out);
}
