// SPDX-License-Identifier: Apache-2.0
//! Writes an IPFIX file (RFC 5655), or standard output. After an error nothing more is written.

use std::fs::File;
use std::io;

use super::accounts::file_trouble;
use super::pending::Pending;
use super::{Next, QueueReceiver, TICK};
use crate::arguments::Output;

/// Writes to `output`, and replaces an existing file.
pub(super) fn run(queue: &QueueReceiver, output: &Output) {
    if !queue.is_wanted() {
        return;
    }
    if let Err(error) = write(queue, output) {
        let (reason, text) = file_trouble(&error);
        queue.accounts.disconnect((reason, text.clone()));
        queue.lose_rest(reason, &text);
    }
}

fn write(queue: &QueueReceiver, output: &Output) -> io::Result<()> {
    let mut file = open(output)?;
    queue.accounts.connect();
    let mut pending = Pending::default();
    loop {
        match queue.next(TICK) {
            Next::Message(message) => {
                pending.push(&message.buffer[..message.length], Some(message.clone()))
            }
            Next::Nothing => continue,
            Next::End => return Ok(()),
        }
        while !pending.is_full()
            && let Some(message) = queue.ready()
        {
            pending.push(&message.buffer[..message.length], Some(message.clone()));
        }
        while !pending.is_empty() {
            pending.write(&mut file, &queue.accounts)?;
        }
    }
}

fn open(output: &Output) -> io::Result<File> {
    match output {
        Output::StandardOutput => same_file::Handle::stdout()?.as_file().try_clone(),
        Output::File(path) => File::create(path),
    }
}
