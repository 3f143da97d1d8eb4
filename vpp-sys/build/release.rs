// SPDX-License-Identifier: Apache-2.0
//! VPP's release, from its version: a number that the preprocessor can compare, and the versions of
//! VPP that may load a plugin that was built for it.
//!
//! Part of the build script, tested by `tests/release.rs`.

/// The oldest supported release.
const OLDEST: u32 = 2510;

/// A supported release.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// Year and month: 2606 for 26.06.
    pub(crate) number: u32,
    /// The prefix of the versions of VPP that may load a plugin built for this release.
    pub(crate) required: String,
}

impl Release {
    /// Parses a version such as `26.06-release`, or that of a patched VPP, `25.10.0-3~gabc1234`.
    ///
    /// # Errors
    /// Fails with a line that says why the plugin cannot be built for this version.
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
        // Structures do not change on a release branch, but any commit before the release may
        // change them.
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

/// Year and month as one number, from `YY.MM` that is not followed by another digit.
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

/// A release number in VPP's format: 2606 as 26.06.
fn dotted(number: u32) -> String {
    format!("{:02}.{:02}", number / 100, number % 100)
}
