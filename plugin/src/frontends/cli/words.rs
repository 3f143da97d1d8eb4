// SPDX-License-Identifier: Apache-2.0
//! A reader of a command's words.
//!
//! Every error names the word and what was expected.

use core::fmt::Display;
use core::ops::RangeInclusive;
use core::str::FromStr;

/// The remaining words.
pub(crate) struct Words<'a> {
    words: core::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

impl<'a> Words<'a> {
    pub(crate) fn new(words: Vec<&'a str>) -> Self {
        Self {
            words: words.into_iter().peekable(),
        }
    }

    /// The next word, if there is one.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// The next word, without taking it.
    pub(crate) fn peek(&mut self) -> Option<&'a str> {
        self.words.peek().copied()
    }

    /// Checks that no words remain.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(format!("{word}: expected the end of the line")),
        }
    }

    /// Reads the value after `word`.
    pub(crate) fn value<T: FromStr>(&mut self, word: &str, expected: &str) -> Result<T, String> {
        let Some(value) = self.next() else {
            return Err(format!("{word}: expected {expected} after it"));
        };
        let parsed = value.parse();
        parsed.map_err(|_| format!("{word} {value}: expected {expected}"))
    }

    /// Reads the number after `word`.
    pub(crate) fn number<T>(&mut self, word: &str, range: RangeInclusive<T>) -> Result<T, String>
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let text = self.peek().unwrap_or_default();
        let number = self.value(word, &expected)?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(format!("{word} {text}: expected {expected}"))
        }
    }
}

/// The error that names what was expected instead of `word`.
pub(crate) fn unexpected<T>(word: &str, expected: &str) -> Result<T, String> {
    Err(format!("{word}: expected {expected}"))
}
