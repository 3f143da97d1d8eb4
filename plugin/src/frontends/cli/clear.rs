// SPDX-License-Identifier: Apache-2.0
//! `flowmeter flush` and `clear flowmeter`.

use super::words::{Words, unexpected};
use crate::control::flush;
use crate::ffi::Main;

/// `flowmeter flush`: ends all flows, and returns when their records have been sent.
pub(crate) fn flush(main: Main, words: Vec<&str>) -> Result<(), String> {
    Words::new(words).end()?;
    Ok(flush::end_all(main)?)
}

/// `clear flowmeter [statistics]`: resets the counters; flows continue.
pub(crate) fn clear(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    match words.next() {
        None | Some("statistics") => {}
        Some(word) => return unexpected(word, "statistics; `flowmeter flush` ends flows"),
    }
    words.end()?;
    Ok(flush::clear_statistics(main)?)
}
