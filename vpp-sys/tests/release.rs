// SPDX-License-Identifier: Apache-2.0
//! Tests of the build script's parser for VPP's version.

#[path = "../build/release.rs"]
mod release;

use release::Release;

#[track_caller]
fn assert_release(version: &str, number: u32, required: &str) {
    let expected = Release {
        number,
        required: required.to_owned(),
    };
    assert_eq!(Release::parse(version), Ok(expected), "{version}");
}

#[test]
fn releases_have_comparable_numbers() {
    assert_release("25.10-release", 2510, "25.10");
    assert_release("26.02-release", 2602, "26.02");
    assert_release("26.06-release", 2606, "26.06");
    assert_release("26.06", 2606, "26.06");
}

#[test]
fn a_patched_vpp_has_the_number_of_its_release() {
    // As from scripts/version: commits after the tag, a point release, a build number.
    assert_release("25.10.0-3~gabc1234", 2510, "25.10");
    assert_release("26.02.0-22~g0123456~b17", 2602, "26.02");
    assert_release("26.06.1-release", 2606, "26.06");
    assert_release("26.02.0-5~g0123456-dirty", 2602, "26.02");
}

#[test]
fn a_release_candidate_requires_its_exact_version() {
    let version = "26.10-rc0~374-gb575ec2c56d";
    assert_release(version, 2610, version);
    assert_release("26.06-rc2", 2606, "26.06-rc2");
}

#[test]
fn old_releases_are_refused_with_one_line() {
    for version in ["25.06-release", "25.02.0-7~gabc1234", "24.10-release"] {
        let line = Release::parse(version).expect_err(version);
        assert!(line.contains(version) && line.contains("25.10"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn invalid_versions_are_refused_with_one_line() {
    let wrong = [
        "",
        "26",
        "26.6-release",
        "26.0-release",
        "26.13-release",
        "26.00-release",
        "26.061-release",
        "126.06-release",
        "v26.06-release",
        "26-06",
        "+6.06",
        "2٦.06",
        "unknown",
    ];
    for version in wrong {
        let line = Release::parse(version).expect_err(version);
        assert!(line.contains(version), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
