// SPDX-License-Identifier: Apache-2.0
//! The command line and its help.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use flowmeter::metering::{Backend, MAX_FLOWS, Timeouts};

/// Meter the flows of captured traffic and export them as IPFIX (RFC 7011).
#[derive(Debug, Parser)]
#[command(name = "flowmeter", version = flowmeter::VERSION, max_term_width = 100)]
#[command(after_help = "\
Examples:
  flowmeter replay capture.pcapng                         show the flows of a capture
  flowmeter replay capture.pcap --output flows.ipfix      write them to an IPFIX file
  flowmeter dump flows.ipfix --json                       show the records of that file
  tcpdump -i eth0 -U -w - | flowmeter replay - --collector udp://127.0.0.1:4739
                                                          send them to a collector

See the --help of each command.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(Replay),
    Dump(Dump),
}

/// Meter capture files and export their flows.
///
/// Reads pcap and pcapng captures, assigns each packet to a flow, and exports a record when a flow
/// ends: to collectors, to an IPFIX file, or both. Time is that of the packets, so a capture of an
/// hour takes as long as reading the file. While a pipe is quiet, real time passes.
///
/// At the end, a summary and the largest flows are printed. Each packet is counted either in a flow
/// or as ignored, with the reason. SIGINT, SIGTERM and SIGHUP end the reading; all flows are
/// exported then. A second signal ends the command at once.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
Examples:
  flowmeter replay capture.pcap                           show the flows of a capture
  flowmeter replay a.pcapng b.pcapng --workers 2 --output flows.ipfix
                                                          read two captures with two threads, write a file
  flowmeter replay capture.pcap --collector udp://127.0.0.1:4739 --collector tcp://[::1]:4739
                                                          send records to two collectors
  tcpdump -i eth0 -U -w - | flowmeter replay - --collector udp://127.0.0.1:4739
                                                          meter a network interface

Exit status: 0 if everything was read and exported, 1 if something was lost (standard error
says what), 2 if the command line is wrong.")]
pub(crate) struct Replay {
    /// Captures to read, in this order; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Send IPFIX to this collector, udp://HOST:PORT or tcp://HOST:PORT. The option may be given
    /// several times. All addresses of a host name are tried. A TCP collector may start late or
    /// restart; it is given up if it takes nothing for 10 seconds after the last record. A slow
    /// collector does not delay others; records that it does not take in time are counted as lost.
    #[arg(long, value_name = "URL")]
    pub(crate) collector: Vec<Collector>,

    /// Write IPFIX to this file (RFC 5655); `-` is standard output, and then the summary goes to
    /// standard error.
    #[arg(long, value_name = "FILE.ipfix", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = PathBufValueParser::new().map(Output::from))]
    pub(crate) output: Option<Output>,

    /// Export a record of a longer flow after this time, and again each time it passes.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = number(SECONDS))]
    pub(crate) active_timeout: u32,

    /// End a flow that has had no packet for this time.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = number(SECONDS))]
    pub(crate) idle_timeout: u32,

    /// Maximum number of concurrent flows of each kind (IPv4, IPv6) in each worker. Beyond it, the
    /// flow that has been idle longest in its part of the table is exported early, with end reason
    /// 5. Memory grows with the flows: 13 MiB in all for a thousand, 110 MiB for a million IPv4
    /// flows, 215 MiB for a million IPv6 flows.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = number(1..=MAX_FLOWS as u32))]
    pub(crate) flows: u32,

    /// Number of threads that meter flows; both directions of a conversation go to the same one.
    /// It does not change the records, unless flows are exported early.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number(1..=64))]
    pub(crate) workers: u32,

    /// Observation domain of the first worker; the others have the numbers after it.
    #[arg(long, value_name = "ID", default_value_t = 1, value_parser = number(0..=u32::MAX))]
    pub(crate) observation_domain: u32,

    /// Meter frames that are not IP as well, by MAC addresses and EtherType.
    #[arg(long)]
    pub(crate) l2: bool,

    /// Maximum length of an IP packet to a collector.
    #[arg(long, value_name = "OCTETS", default_value_t = 1400, value_parser = number(576..=9000))]
    pub(crate) path_mtu: u32,

    /// Number of flows to show: those with the most octets.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number(0..=10_000))]
    pub(crate) top: u32,

    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,

    /// Instruction set of the flow table, for tests. The default is the best that the machine has.
    #[arg(long, value_name = "NAME", value_parser = backend, hide = true)]
    pub(crate) backend: Option<Backend>,
}

/// Show the records of an IPFIX file.
///
/// Reads a file that `flowmeter replay --output` or another exporter has written (RFC 5655), and
/// prints its flow records.
///
/// What cannot be decoded is skipped or ends the reading; standard error says where, and the exit
/// status is 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowmeter dump flows.ipfix                              a table
  flowmeter dump flows.ipfix --json                       one JSON object per line
  flowmeter replay capture.pcap --output - | flowmeter dump - --json
                                                          without a file")]
pub(crate) struct Dump {
    /// The file to read; `-` is standard input.
    #[arg(value_name = "FILE.ipfix")]
    pub(crate) file: PathBuf,

    /// Print one JSON object per line, also for options records; keys are IANA element names.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The range of timeouts.
const SECONDS: RangeInclusive<u32> = 1..=Timeouts::MAX_MILLIS / 1000;

/// Returns a parser of numbers in `range`.
fn number(
    range: RangeInclusive<u32>,
) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("expected a number from {least} to {most}"))
    }
}

fn backend(name: &str) -> Result<Backend, String> {
    Backend::available()
        .find(|backend| backend.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = Backend::available().map(Backend::name).collect();
            format!("expected one of {}", names.join(", "))
        })
}

/// The destination of an IPFIX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    StandardOutput,
    File(PathBuf),
}

impl From<PathBuf> for Output {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" {
            Self::StandardOutput
        } else {
            Self::File(path)
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardOutput => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// The transport protocol to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
}

/// A collector as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collector {
    pub(crate) protocol: Protocol,
    /// All addresses of its name, in the order in which they are tried.
    pub(crate) addresses: Vec<SocketAddr>,
    /// The text on the command line.
    pub(crate) name: String,
}

impl FromStr for Collector {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let expected = "expected udp://HOST:PORT or tcp://HOST:PORT, such as \
                        udp://192.0.2.7:4739 or tcp://[2001:db8::7]:4739";
        let (scheme, authority) = name.split_once("://").ok_or(expected)?;
        let protocol = match scheme {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            other => return Err(format!("unknown protocol '{other}': {expected}")),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.is_empty() {
            return Err(format!("no host and port: {expected}"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.ends_with(':') => (host, port),
            _ => return Err(format!("no port in '{authority}': {expected}")),
        };
        let port = match port.parse::<u16>() {
            Ok(port @ 1..) => port,
            _ => {
                return Err(format!(
                    "'{port}' is not a port from 1 to 65535: {expected}"
                ));
            }
        };
        // Brackets separate an IPv6 address from its port. The resolver expects none.
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let addresses: Vec<_> = (bare, port)
            .to_socket_addrs()
            .map_err(|error| {
                let error = error.to_string();
                let what = error.rsplit(": ").next().unwrap_or_default();
                format!("cannot find '{host}': {what}")
            })?
            .collect();
        if addresses.is_empty() {
            return Err(format!("'{host}' has no address"));
        }
        Ok(Self {
            protocol,
            addresses,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn collectors_are_named_by_protocol_host_and_port() {
        let collector: Collector = "udp://127.0.0.1:4739".parse().unwrap();
        assert_eq!(collector.protocol, Protocol::Udp);
        assert_eq!(collector.addresses, ["127.0.0.1:4739".parse().unwrap()]);
        let collector: Collector = "tcp://[::1]:4739/".parse().unwrap();
        assert_eq!(collector.protocol, Protocol::Tcp);
        assert_eq!(collector.addresses, ["[::1]:4739".parse().unwrap()]);
    }

    /// RFC 4007 §11: a link-local address means something only with its zone.
    #[test]
    fn a_zone_is_part_of_an_ipv6_address() {
        for name in ["udp://[fe80::1%lo]:4739", "udp://fe80::1%lo:4739"] {
            let collector: Collector = name.parse().unwrap();
            let [SocketAddr::V6(address)] = collector.addresses[..] else {
                panic!("{collector:?}");
            };
            // The loopback interface is the first on Linux.
            assert_eq!((address.scope_id(), address.port()), (1, 4739), "{name}");
        }
        let error = "udp://[fe80::1%none]:4739".parse::<Collector>();
        assert!(error.unwrap_err().contains("cannot find '[fe80::1%none]'"));
    }

    #[test]
    fn errors_name_what_is_wrong_with_a_collector() {
        for (name, part) in [
            ("127.0.0.1:4739", "expected udp://"),
            ("sctp://127.0.0.1:4739", "unknown protocol 'sctp'"),
            ("udp://127.0.0.1", "no port in '127.0.0.1'"),
            ("udp://", "no host and port"),
            ("udp://:4739", "no port"),
            ("udp://127.0.0.1:0", "'0' is not a port"),
            ("udp://127.0.0.1:70000", "'70000' is not a port"),
        ] {
            let error = name.parse::<Collector>().unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
