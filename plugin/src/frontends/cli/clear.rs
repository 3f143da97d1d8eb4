// SPDX-License-Identifier: Apache-2.0
//! `flowmeter flush` and `clear flowmeter`.

use super::words::{Words, unexpected};
use crate::control::flush;
use crate::ffi::Main;

/// `flowmeter flush`: all flows end; returns when their records have left.
pub(crate) fn flush(main: Main, words: Vec<&str>) -> Result<(), String> {
    Words::new(words).end()?;
    Ok(flush::end_all(main)?)
}

/// `clear flowmeter [statistics|flows]`: both where nothing is named.
pub(crate) fn clear(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let (flows, statistics) = match words.next() {
        None => (true, true),
        Some("flows") => (true, false),
        Some("statistics") => (false, true),
        Some(word) => return unexpected(word, "statistics or flows"),
    };
    words.end()?;
    if flows {
        flush::end_all(main)?;
    }
    if statistics {
        flush::clear_statistics(main)?;
    }
    Ok(())
}
