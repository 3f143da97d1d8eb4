// SPDX-License-Identifier: Apache-2.0
//! The commit in the version, in a clone, in a package, and where there is neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commit::{describe, files};

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("build_script_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.net"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", "2026-02-03T04:05:06Z")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository of one commit, and the commit's digits; `None` without git, after saying so.
fn repository(name: &str) -> Option<(PathBuf, String)> {
    if Command::new("git").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("FLOWMETER_REQUIRE_TOOLS").is_none(),
            "no git"
        );
        eprintln!("{name}: not tested without git");
        return None;
    }
    let folder = folder(name);
    git(&folder, &["init", "--quiet"]);
    fs::write(folder.join("file"), "a").expect("a file");
    git(&folder, &["add", "file"]);
    git(&folder, &["commit", "--quiet", "--message", "a"]);
    let commit = git(&folder, &["rev-parse", "HEAD"])[..10].to_owned();
    Some((folder, commit))
}

#[test]
fn a_clone_has_its_commit_and_whether_files_differ() {
    let Some((folder, commit)) = repository("clone") else {
        return;
    };
    assert_eq!(describe(&folder), Some(format!("{commit} 2026-02-03")));
    fs::write(folder.join("another"), "a").expect("a file");
    assert_eq!(
        describe(&folder),
        Some(format!("{commit} 2026-02-03")),
        "untracked"
    );
    fs::write(folder.join("file"), "b").expect("a file");
    assert_eq!(
        describe(&folder),
        Some(format!("{commit}+changes 2026-02-03"))
    );

    // A worktree's .git is a file.
    let worktree = self::folder("worktree");
    git(
        &folder,
        &[
            "worktree",
            "add",
            "--quiet",
            "--detach",
            worktree.to_str().expect("UTF-8"),
        ],
    );
    assert!(worktree.join(".git").is_file());
    assert_eq!(describe(&worktree), Some(format!("{commit} 2026-02-03")));
    assert!(!files(&worktree).is_empty());
}

/// Cargo runs the build script again if one of the files changes.
#[test]
fn a_commit_changes_one_of_the_files() {
    let Some((folder, _)) = repository("files") else {
        return;
    };
    let contents = || -> Vec<_> {
        let files = files(&folder).into_iter();
        files
            .map(|path| fs::read(&path).expect("it exists"))
            .collect()
    };
    for reflog in ["true", "false"] {
        git(&folder, &["config", "core.logAllRefUpdates", reflog]);
        let _ = fs::remove_dir_all(folder.join(".git/logs"));
        let before = contents();
        git(
            &folder,
            &["commit", "--quiet", "--allow-empty", "--message", reflog],
        );
        let after = contents();
        assert!(
            before
                .iter()
                .zip(&after)
                .any(|(before, after)| before != after),
            "{reflog}"
        );
    }
    let before = contents();
    git(&folder, &["checkout", "--quiet", "--detach"]);
    assert_ne!(before, contents());
}

/// A package that is unpacked in another project's repository has not its commit.
#[test]
fn a_folder_inside_a_repository_has_no_commit() {
    let Some((folder, _)) = repository("outer") else {
        return;
    };
    let inner = folder.join("inner");
    fs::create_dir(&inner).expect("a folder");
    assert_eq!(describe(&inner), None);
    assert!(files(&inner).is_empty());
}

#[test]
fn a_package_has_the_commit_that_cargo_noted() {
    let folder = folder("package");
    let file = folder.join(".cargo_vcs_info.json");
    for (text, expected) in [
        (
            "{\n  \"git\": {\n    \"sha1\": \"0123456789abcdef0123456789abcdef01234567\"\n  },\n  \"path_in_vcs\": \"\"\n}",
            Some("0123456789"),
        ),
        (
            "{\"git\":{\"sha1\":\"0123456789abcdef0123456789abcdef01234567\",\"dirty\":true}}",
            Some("0123456789+changes"),
        ),
        ("{\"git\":{\"sha1\":\"0123\"}}", None),
        (
            "{\"git\":{\"sha1\":\"0123456789\u{e4}\"}}",
            Some("0123456789"),
        ),
        ("{\"git\":{\"sha1\":\"012345678\u{e4}\"}}", None),
        ("{\"git\":{\"sha1\":\"not a commit\"}}", None),
        ("", None),
    ] {
        fs::write(&file, text).expect("a file");
        assert_eq!(describe(&folder).as_deref(), expected, "{text}");
        assert_eq!(files(&folder), [file.as_path()]);
    }
}

#[test]
fn the_version_begins_with_the_packages() {
    let version = env!("CARGO_PKG_VERSION");
    let rest = flowmeter::VERSION
        .strip_prefix(version)
        .expect("the package's version");
    match describe(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        // It may have got changes since the build, or lost them.
        Some(commit) => assert_eq!(rest[..12], format!(" ({}", &commit[..10])),
        None => assert_eq!(rest, ""),
    }
}
