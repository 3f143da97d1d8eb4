// SPDX-License-Identifier: Apache-2.0
//! The active walks through the threads' live flows, and the replies to each.

use std::collections::BTreeSet;

use crate::dataplane::inspection::{Inspection, Request};
use crate::dataplane::live_flows::View;

/// All active walks.
#[derive(Default)]
pub(crate) struct Walks {
    /// The number of walks so far.
    count: u64,
    active: BTreeSet<u64>,
    /// Replies that have not been taken yet, by thread index.
    replies: Vec<(usize, Request)>,
}

impl Walks {
    /// Starts a walk, and returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.count += 1;
        self.active.insert(self.count);
        self.count
    }

    /// Ends a walk, complete or not.
    pub(super) fn end(&mut self, walk: u64) {
        self.active.remove(&walk);
        self.replies.retain(|(_, reply)| reply.walk != walk);
    }

    /// Takes a thread's reply to a walk, if there is one.
    pub(super) fn reply(
        &mut self,
        thread: usize,
        inspection: &Inspection,
        walk: u64,
    ) -> Option<View> {
        while let Some(reply) = inspection.reply() {
            // Replies to walks that have ended are dropped.
            if self.active.contains(&reply.walk) {
                self.replies.push((thread, reply));
            }
        }
        let is_it = |(of, reply): &(usize, Request)| *of == thread && reply.walk == walk;
        let place = self.replies.iter().position(is_it)?;
        Some(self.replies.swap_remove(place).1.view)
    }
}
