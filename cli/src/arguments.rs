// SPDX-License-Identifier: Apache-2.0
//! The command line, and the help that teaches it.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint, value_parser};
use flowmeter::metering::{Backend, MAX_FLOWS, Timeouts};

/// Meters the flows of captured traffic and exports them as IPFIX (RFC 7011).
#[derive(Debug, Parser)]
#[command(name = "flowmeter", version = flowmeter::VERSION, about, max_term_width = 100)]
#[command(after_help = "\
Examples:
  flowmeter replay capture.pcapng                         show the flows of a capture
  flowmeter replay capture.pcap --output flows.ipfix      keep them as an IPFIX file
  flowmeter dump flows.ipfix --json                       read that file back
  tcpdump -i eth0 -U -w - | flowmeter replay - --collector udp://127.0.0.1:4739
                                                          send them to a collector

Each command explains itself with --help.")]
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
/// Reads pcap and pcapng, meters every packet into the flow that it belongs to, and exports
/// a record of each flow when it ends: to collectors, into an IPFIX file, or both. Time is
/// the capture's own, so an hour of traffic takes as long as reading it. While a pipe is quiet,
/// time passes as on a clock.
///
/// A summary and the largest flows are printed at the end. Every packet is accounted for:
/// what is in no flow is counted under the reason why it is not. SIGINT and SIGTERM end the
/// reading, and all flows are exported; a second one ends the command at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowmeter replay capture.pcap                           show the flows of a capture
  flowmeter replay a.pcapng b.pcapng --workers 2 --output flows.ipfix
                                                          those of two, by two threads, into a file
  flowmeter replay capture.pcap --collector udp://127.0.0.1:4739 --collector tcp://[::1]:4739
                                                          send them to two collectors
  tcpdump -i eth0 -U -w - | flowmeter replay - --collector udp://127.0.0.1:4739
                                                          meter an interface

Exit status: 0 all was read and exported, 1 something was lost (a line on standard error
says what), 2 wrong command line.")]
pub(crate) struct Replay {
    /// Captures to read, one after the other; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Send IPFIX to this collector; may be given several times. All addresses of a host's name
    /// are tried. Over TCP it may come late, or restart: it is connected again, and given up when
    /// it takes nothing for 10 seconds after the last record. A slow one delays no other; what
    /// it does not take in time is counted as lost.
    #[arg(long, value_name = "udp://HOST:PORT | tcp://HOST:PORT")]
    pub(crate) collector: Vec<Collector>,

    /// Write IPFIX into this file (RFC 5655); `-` is standard output, and the summary then goes to
    /// standard error.
    #[arg(long, value_name = "FILE.ipfix", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = PathBufValueParser::new().map(Output::from))]
    pub(crate) output: Option<Output>,

    /// Export a record of a flow that goes on for so long, and then again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) active_timeout: u32,

    /// End a flow that has had no packet for so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = seconds())]
    pub(crate) idle_timeout: u32,

    /// Flows of each kind (IPv4, IPv6) that each worker has room for at a time. When there are
    /// more, the one idle longest near by is exported early, with end reason 5. Memory is taken
    /// as flows come: a thousand take 13 MiB in all, a million IPv4 flows 110 MiB, a million IPv6
    /// flows 215 MiB.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = value_parser!(u32).range(1..=MAX_FLOWS as i64))]
    pub(crate) flows: u32,

    /// Threads to spread flows over; both directions of a conversation go to the same. The
    /// records are the same, whatever their number, unless flows are exported early.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=64))]
    pub(crate) workers: u32,

    /// Observation domain of the first worker; each further worker has the next.
    #[arg(long, value_name = "ID", default_value_t = 1)]
    pub(crate) observation_domain: u32,

    /// Make flows of frames that are not IP too, by MAC addresses and EtherType.
    #[arg(long)]
    pub(crate) l2: bool,

    /// Octets that an IP packet to a collector may have.
    #[arg(long, value_name = "OCTETS", default_value_t = 1400,
          value_parser = value_parser!(u16).range(576..=9000))]
    pub(crate) path_mtu: u16,

    /// Show so many flows, those with the most octets.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(0..=10_000))]
    pub(crate) top: u32,

    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,

    /// Instruction set of the flow table; the best that the machine has, unless tests ask for
    /// another.
    #[arg(long, value_name = "NAME", value_parser = backend, hide = true)]
    pub(crate) backend: Option<Backend>,
}

/// Show the records of an IPFIX file.
///
/// Reads a file as `flowmeter replay --output` or any other exporter writes it (RFC 5655)
/// and prints its flow records.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flowmeter dump flows.ipfix                              a table
  flowmeter dump flows.ipfix --json                       one JSON object a line
  flowmeter replay capture.pcap --output - | flowmeter dump - --json
                                                          without a file between")]
pub(crate) struct Dump {
    /// The file to read; `-` is standard input.
    #[arg(value_name = "FILE.ipfix")]
    pub(crate) file: PathBuf,

    /// Print one JSON object a line, options records included; keys are IANA element names.
    #[arg(long)]
    pub(crate) json: bool,
}

fn seconds() -> clap::builder::RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=i64::from(Timeouts::MAX_MILLIS / 1000))
}

fn backend(name: &str) -> Result<Backend, String> {
    Backend::available()
        .find(|backend| backend.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = Backend::available().map(Backend::name).collect();
            format!("this machine has {}", names.join(", "))
        })
}

/// Where an IPFIX file is written.
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

/// How IPFIX reaches a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
}

/// A collector as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collector {
    pub(crate) protocol: Protocol,
    /// All addresses of its name, in the order in which to try them.
    pub(crate) addresses: Vec<SocketAddr>,
    /// As it was written.
    pub(crate) name: String,
}

impl FromStr for Collector {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let expected = "expected udp://HOST:PORT or tcp://HOST:PORT, such as udp://192.0.2.7:4739 or tcp://[2001:db8::7]:4739";
        let (scheme, authority) = name.split_once("://").ok_or(expected)?;
        let protocol = match scheme {
            "udp" => Protocol::Udp,
            "tcp" => Protocol::Tcp,
            other => return Err(format!("unknown protocol '{other}': {expected}")),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
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
        // Brackets keep an IPv6 address from its port; the system reads it, and its zone, without.
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
    fn a_wrong_collector_is_told_what_is_wrong() {
        for (name, part) in [
            ("127.0.0.1:4739", "expected udp://"),
            ("sctp://127.0.0.1:4739", "unknown protocol 'sctp'"),
            ("udp://127.0.0.1", "no port"),
            ("udp://:4739", "no port"),
            ("udp://127.0.0.1:0", "'0' is not a port"),
            ("udp://127.0.0.1:70000", "'70000' is not a port"),
        ] {
            let error = name.parse::<Collector>().unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
