// SPDX-License-Identifier: Apache-2.0
//! VPP's release, as its version says it: a number for the preprocessor to compare, and the versions
//! that a plugin built for it may be loaded by.
//!
//! Part of the build script; `tests/release.rs` tests it.

/// The oldest release that this is built for.
const OLDEST: u32 = 2510;

/// A release that this can be built for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// Year and month: 2606 for 26.06.
    pub(crate) number: u32,
    /// How the version of a VPP has to begin that may load what was built for this one.
    pub(crate) required: String,
}

impl Release {
    /// Reads a version such as `26.06-release`, or that of a patched VPP, `25.10.0-3~gabc1234`.
    ///
    /// # Errors
    /// A line that says why the plugin is not built for this version.
    pub(crate) fn parse(version: &str) -> Result<Self, String> {
        let number = number(version).ok_or_else(|| {
            format!(
                "VPP's version is `{version}`: expected one that begins with year and month, such \
                 as 26.06-release"
            )
        })?;
        if number < OLDEST {
            return Err(format!(
                "VPP {version} is too old: expected {} or later",
                dotted(OLDEST)
            ));
        }
        // Structures stay as they are on a release's branch; before the release they move with
        // any commit.
        let is_candidate = version.contains("-rc");
        Ok(Self {
            number,
            required: if is_candidate {
                version.to_owned()
            } else {
                dotted(number)
            },
        })
    }
}

/// Year and month, as one number, of `YY.MM` that no other digit follows.
fn number(version: &str) -> Option<u32> {
    let (year, rest) = version.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let month = &rest[..end.unwrap_or(rest.len())];
    let two_digits = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_digit());
        is_number.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (year, month) = (two_digits(year)?, two_digits(month)?);
    (1..=12).contains(&month).then_some(year * 100 + month)
}

/// 2606 as VPP writes it.
fn dotted(number: u32) -> String {
    format!("{:02}.{:02}", number / 100, number % 100)
}
