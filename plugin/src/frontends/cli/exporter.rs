// SPDX-License-Identifier: Apache-2.0
//! `set flowmeter exporter`.

use core::net::IpAddr;

use super::words::{Words, unexpected};
use crate::control::exporter::{Setting, Source};
use crate::control::exporting;
use crate::ffi::Main;

/// The words of an exporter read so far.
#[derive(Default)]
pub(super) struct Reading {
    collector: Option<IpAddr>,
    source: Option<Source>,
    port: Option<u16>,
    table: Option<u32>,
    path_mtu: Option<u32>,
    template_interval: Option<u32>,
}

impl Reading {
    pub(super) const EXPECTED: &'static str =
        "collector, port, src, fib, path-mtu or template-interval";

    /// Reads one property. Returns `false` if the word does not start one.
    pub(super) fn read(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, String> {
        const ADDRESS: &str = "an IPv4 or IPv6 address";
        match word {
            "collector" => self.collector = Some(words.value(word, ADDRESS)?),
            "src" => self.source = Some(source(words)?),
            "port" => self.port = Some(words.number(word, 1..=u16::MAX)?),
            "fib" => self.table = Some(words.number(word, Setting::TABLES)?),
            "path-mtu" => self.path_mtu = Some(words.number(word, Setting::PATH_MTUS)?),
            "template-interval" => {
                let range = Setting::TEMPLATE_INTERVALS;
                self.template_interval = Some(words.number(word, range)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The complete setting; `None` if nothing was read.
    pub(super) fn finish(self) -> Result<Option<Setting>, String> {
        let nothing = self.port.is_none()
            && self.table.is_none()
            && self.path_mtu.is_none()
            && self.template_interval.is_none();
        let (collector, source) = match (self.collector, self.source) {
            (Some(collector), Some(source)) => (collector, source),
            (None, None) if nothing => return Ok(None),
            (None, _) => return Err("expected collector and an address".to_owned()),
            (Some(_), None) => {
                return Err(
                    "expected src and the address or interface that messages come from".to_owned(),
                );
            }
        };
        let setting = Setting {
            collector,
            source,
            port: self.port.unwrap_or(Setting::PORT),
            table: self.table.unwrap_or(0),
            path_mtu: self.path_mtu.unwrap_or(Setting::PATH_MTU),
            template_interval: self.template_interval.unwrap_or(Setting::TEMPLATE_INTERVAL),
        };
        setting.check()?;
        Ok(Some(setting))
    }
}

/// Reads an address, an address with a prefix length, or the name of an interface.
fn source(words: &mut Words<'_>) -> Result<Source, String> {
    let text: String = words.value("src", "an address, or an interface")?;
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text.as_str(), None),
    };
    let is_length = |longest: u8| {
        let length = length.map(str::parse::<u8>);
        length.is_none_or(|length| length.is_ok_and(|length| length <= longest))
    };
    if let Ok(address) = address.parse::<IpAddr>()
        && is_length(if address.is_ipv4() { 32 } else { 128 })
    {
        return Ok(Source::Address(address));
    }
    // No interface's name starts like this: it is an invalid address.
    if text.starts_with(|first: char| first.is_ascii_digit() || first == ':')
        || address.parse::<IpAddr>().is_ok()
    {
        return Err(format!("src {text}: expected an address, or an interface"));
    }
    Ok(Source::Interface(text))
}

/// `set flowmeter exporter collector <ip> src <ip>|<interface> … | disable`.
pub(super) fn set(main: Main, mut words: Words<'_>) -> Result<(), String> {
    let setting = if words.peek() == Some("disable") {
        words.next();
        words.end()?;
        None
    } else {
        let mut reading = Reading::default();
        while let Some(word) = words.next() {
            if !reading.read(word, &mut words)? {
                return unexpected(word, Reading::EXPECTED);
            }
        }
        let setting = reading.finish()?;
        let missing = || format!("expected {}, or disable", Reading::EXPECTED);
        Some(setting.ok_or_else(missing)?)
    };
    Ok(exporting::set(main, setting)?)
}
