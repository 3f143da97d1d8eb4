// SPDX-License-Identifier: Apache-2.0
//! An IPFIX file (RFC 5655), or standard output. One that fails is left alone from then on.

use std::fs::File;
use std::io;

use super::accounts::file_trouble;
use super::pending::Pending;
use super::{Duty, Next, TICK};
use crate::arguments::Output;

/// Writes to `output`, in place of a file that may be there.
pub(super) fn run(duty: &Duty, output: &Output) {
    if !duty.is_wanted() {
        return;
    }
    if let Err(error) = write(duty, output) {
        let (reason, text) = file_trouble(&error);
        duty.accounts.disconnect((reason, text.clone()));
        duty.lose_rest(reason, &text);
    }
}

fn write(duty: &Duty, output: &Output) -> io::Result<()> {
    let mut file = open(output)?;
    duty.accounts.connect();
    let mut pending = Pending::default();
    loop {
        match duty.next(TICK) {
            Next::Message(message) => {
                pending.push(&message.buffer[..message.length], Some(message.clone()))
            }
            Next::Nothing => continue,
            Next::End => return Ok(()),
        }
        while !pending.is_full()
            && let Some(message) = duty.ready()
        {
            pending.push(&message.buffer[..message.length], Some(message.clone()));
        }
        while !pending.is_empty() {
            pending.write(&mut file, &duty.accounts)?;
        }
    }
}

fn open(output: &Output) -> io::Result<File> {
    match output {
        Output::StandardOutput => same_file::Handle::stdout()?.as_file().try_clone(),
        Output::File(path) => File::create(path),
    }
}
