// SPDX-License-Identifier: Apache-2.0
//! What the build script reads in VPP's version.

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
fn releases_are_numbers_that_can_be_compared() {
    assert_release("25.10-release", 2510, "25.10");
    assert_release("26.02-release", 2602, "26.02");
    assert_release("26.06-release", 2606, "26.06");
    assert_release("26.06", 2606, "26.06");
}

#[test]
fn a_patched_vpp_is_of_its_release() {
    // From scripts/version: commits after the tag, a point release, a build's own number.
    assert_release("25.10.0-3~gabc1234", 2510, "25.10");
    assert_release("26.02.0-22~g0123456~b17", 2602, "26.02");
    assert_release("26.06.1-release", 2606, "26.06");
    assert_release("26.02.0-5~g0123456-dirty", 2602, "26.02");
}

#[test]
fn a_candidate_is_for_itself_alone() {
    let version = "26.10-rc0~374-gb575ec2c56d";
    assert_release(version, 2610, version);
    assert_release("26.06-rc2", 2606, "26.06-rc2");
}

#[test]
fn what_is_too_old_is_refused_in_one_line() {
    for version in ["25.06-release", "25.02.0-7~gabc1234", "24.10-release"] {
        let line = Release::parse(version).expect_err(version);
        assert!(line.contains(version) && line.contains("25.10"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn what_is_no_version_is_refused_in_one_line() {
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
