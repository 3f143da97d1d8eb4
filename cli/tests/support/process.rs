// SPDX-License-Identifier: Apache-2.0
//! Child processes that cannot hang a test: each has a time limit, and none outlives the test.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A time limit that is sufficient on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The results of a process.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Finished {
    /// Returns the exit status; `None` after a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Parses standard output as one JSON object.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the single line on standard error.
    pub(crate) fn error_line(&self) -> &str {
        let line = self.error.strip_suffix('\n').unwrap_or(&self.error);
        assert!(
            !line.is_empty() && !line.contains('\n'),
            "not one line: {self:?}"
        );
        line
    }

    /// Checks the exit status and returns the results.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self:?}");
        self
    }
}

/// Returns the command under test.
pub(crate) fn flowmeter(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmeter"));
    command.args(arguments);
    command
}

/// Runs `flowmeter` to its end.
pub(crate) fn run_flowmeter(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
    run(flowmeter(arguments))
}

/// Runs a program to its end, without standard input.
pub(crate) fn run(mut command: Command) -> Finished {
    command.stdin(Stdio::null());
    finish(start(command))
}

/// Runs a program to its end, with `input` as its standard input.
pub(crate) fn run_with_input(mut command: Command, input: Vec<u8>) -> Finished {
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let mut pipe = child.stdin.take().expect("a pipe");
    let writer = thread::spawn(move || {
        // A program may end without reading all of it.
        let _ = pipe.write_all(&input);
    });
    let finished = finish(child);
    writer.join().expect("the writer");
    finished
}

/// Starts a program whose outputs are read by [`finish`].
pub(crate) fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for a started program, up to the time limit.
pub(crate) fn finish(mut child: Child) -> Finished {
    let out = read_aside(child.stdout.take().expect("a pipe"));
    let error = read_aside(child.stderr.take().expect("a pipe"));
    let deadline = Instant::now() + PATIENCE;
    let texts = [&out, &error]
        .map(|text| text.recv_timeout(deadline.saturating_duration_since(Instant::now())));
    let [Ok(out), Ok(error)] = texts else {
        let _ = child.kill();
        panic!("a child process did not end within {PATIENCE:?}");
    };
    // Its outputs have ended, so it has ended or is about to.
    let status = child.wait().expect("the child's status");
    Finished { status, out, error }
}

fn read_aside(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut octets = Vec::new();
        pipe.read_to_end(&mut octets)
            .expect("a pipe that can be read");
        // The receiver is gone if the process took too long.
        let _ = sender.send(String::from_utf8_lossy(&octets).into_owned());
    });
    receiver
}

/// A daemon, which is ended with the test.
pub(crate) struct Daemon {
    child: Child,
    log: std::path::PathBuf,
}

impl Daemon {
    /// Starts `command`, whose outputs go to the file `log`.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let file = std::fs::File::create(log).expect("a log file");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = log.to_owned();
        Self { child, log }
    }

    /// Returns its output so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `ready` returns `true`.
    pub(crate) fn wait_until(&mut self, what: &str, mut ready: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !ready(self) {
            let ended = self.child.try_wait().expect("the daemon's state");
            assert!(
                ended.is_none(),
                "ended before {what}: {ended:?}\n{}",
                self.log()
            );
            assert!(Instant::now() < deadline, "no {what}:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it with this signal, so that it writes its data, and returns its output.
    pub(crate) fn stop(mut self, signal: &str) -> String {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.expect("kill").success(), "cannot end {id}");
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("the daemon's state").is_none() {
            assert!(Instant::now() < deadline, "does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
        self.log()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
