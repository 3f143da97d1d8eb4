// SPDX-License-Identifier: Apache-2.0
//! The command line, and the help that teaches it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, value_parser};
use flowmeter::metering::{Backend, Timeouts};

/// Meters the flows of captured traffic and exports them as IPFIX (RFC 7011).
#[derive(Debug, Parser)]
#[command(name = "flowmeter", version, about, max_term_width = 100)]
#[command(after_help = "\
Examples:
  flowmeter replay capture.pcapng                         show the flows of a capture
  flowmeter replay capture.pcap --output flows.ipfix      keep them as an IPFIX file
  flowmeter dump flows.ipfix --json                       read that file back
  tcpdump -i eth0 -w - | flowmeter replay - --collector udp://192.0.2.7:4739
                                                          send them to a collector

Each command explains itself with --help.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Meter capture files and export their flows.
    Replay(Replay),
    /// Show the records of an IPFIX file.
    Dump(Dump),
}

/// Meter capture files and export their flows.
///
/// Reads pcap and pcapng, meters every packet into the flow that it belongs to, and exports
/// a record of each flow when it ends: to collectors, into an IPFIX file, or both. Time is
/// the capture's own, so an hour of traffic takes as long as reading it.
///
/// A summary and the largest flows are printed at the end. Every packet is accounted for:
/// what is in no flow is counted under the reason why it is not.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 all was read and exported, 1 something was lost (a line on standard error
says what), 2 wrong command line.")]
pub(crate) struct Replay {
    /// Captures to read, one after the other; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Send IPFIX to this collector; may be given several times.
    #[arg(long, value_name = "udp://HOST:PORT | tcp://HOST:PORT")]
    pub(crate) collector: Vec<Collector>,

    /// Write IPFIX into this file (RFC 5655); `-` is standard output, and the summary then goes to
    /// standard error.
    #[arg(long, value_name = "FILE.ipfix")]
    pub(crate) output: Option<PathBuf>,

    /// Export a record of a flow that goes on for so long, and then again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub(crate) active_timeout: u32,

    /// End a flow that has had no packet for so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = seconds())]
    pub(crate) idle_timeout: u32,

    /// Flows of each kind (IPv4, IPv6) that each worker has room for at a time. When there are
    /// more, the one idle longest near by is exported early, with end reason 5.
    #[arg(long, value_name = "N", default_value_t = 1_000_000,
          value_parser = value_parser!(u32).range(1..=100_000_000))]
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
    pub(crate) address: SocketAddr,
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
        match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.ends_with(':') => {
                if !matches!(port.parse::<u16>(), Ok(1..)) {
                    return Err(format!(
                        "'{port}' is not a port from 1 to 65535: {expected}"
                    ));
                }
            }
            _ => return Err(format!("no port in '{authority}': {expected}")),
        }
        let address = authority
            .to_socket_addrs()
            .map_err(|error| format!("cannot find '{authority}': {error}"))?
            .next()
            .ok_or_else(|| format!("'{authority}' has no address"))?;
        Ok(Self {
            protocol,
            address,
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
        assert_eq!(collector.address, "127.0.0.1:4739".parse().unwrap());
        let collector: Collector = "tcp://[::1]:4739/".parse().unwrap();
        assert_eq!(collector.protocol, Protocol::Tcp);
        assert_eq!(collector.address, "[::1]:4739".parse().unwrap());
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
