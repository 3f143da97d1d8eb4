// SPDX-License-Identifier: Apache-2.0
//! Walks through the threads' live flows that are under way, and the replies to each.

use std::collections::BTreeSet;

use crate::dataplane::inspection::{Inspection, Request};
use crate::dataplane::live_flows::View;

/// See the file.
#[derive(Default)]
pub(crate) struct Walks {
    /// How many there have been.
    count: u64,
    under_way: BTreeSet<u64>,
    /// What has not been taken yet, with the thread that it is of.
    replies: Vec<(usize, Request)>,
}

impl Walks {
    /// Begins one; its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.count += 1;
        self.under_way.insert(self.count);
        self.count
    }

    /// Ends one, whether all has been seen or not.
    pub(super) fn end(&mut self, walk: u64) {
        self.under_way.remove(&walk);
        self.replies.retain(|(_, reply)| reply.walk != walk);
    }

    /// What a thread has answered to a walk, if it has.
    pub(super) fn reply(
        &mut self,
        thread: usize,
        inspection: &Inspection,
        walk: u64,
    ) -> Option<View> {
        while let Some(reply) = inspection.reply() {
            // Those to walks that have ended are dropped.
            if self.under_way.contains(&reply.walk) {
                self.replies.push((thread, reply));
            }
        }
        let is_it = |(of, reply): &(usize, Request)| *of == thread && reply.walk == walk;
        let place = self.replies.iter().position(is_it)?;
        Some(self.replies.swap_remove(place).1.view)
    }
}
