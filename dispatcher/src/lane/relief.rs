//! Relief: when memory is short, a lane holds no more than it gets rid of within some seconds. What else it holds goes back to where it
//! is safe anyway, the database, and is read again when its turn comes.
//!
//! So endpoints that hang, are down, or are slow cannot hold what those that keep up could use.

use super::{Backlog, Lane, Limits};
use crate::config::PAGE;

/// For how many seconds a lane may hold deliveries ready, at the rate of the last second or two. An endpoint that answers again so has four
/// times as much after each second.
const SECONDS: usize = 4;

/// What a lane may hold in any case: less is read again and again, and a hundred such lanes hold 2 MB.
const LEAST: usize = 16;

/// How many deliveries a lane may hold ready.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// `None`: as many as any lane.
    most: Option<usize>,
    /// Requests that ended in the last whole second, and since then.
    landed: [usize; 2],
}

impl Allowance {
    /// A request has ended.
    pub(super) fn landed(&mut self) {
        self.landed[1] += 1;
    }

    /// What of `limits` the lane may use.
    pub(super) fn bound(&self, limits: Limits) -> Limits {
        Limits {
            deliveries: self
                .most
                .map_or(limits.deliveries, |most| most.min(limits.deliveries)),
            ..limits
        }
    }
}

impl Lane {
    /// `is_short`: all lanes together hold so much that those that keep up may find no room. A lane of its own is short when something had
    /// no room that goes before part of what it holds: that would wait until half of it was gone. To be called once a second with
    /// `second_over`, and whenever it is short. Returns the bytes that the lane gave back.
    pub(crate) fn relieve(&mut self, is_short: bool, second_over: bool) -> usize {
        let was_passed_over = second_over && std::mem::take(&mut self.passed_over);
        let is_short = is_short || was_passed_over;
        let Allowance {
            landed: [last, now], ..
        } = self.allowance;
        let enough = ((last + now) * SECONDS).max(LEAST);
        if second_over {
            self.allowance.landed = [now, 0];
        }
        let is_through = self.ready_count == 0 && self.backlog == Backlog::None;
        let is_bounded = !is_through && (is_short || self.allowance.most.is_some());
        self.allowance.most = is_bounded.then_some(enough);
        // What is little is read again for little, and at a slow endpoint a few are minutes.
        let is_little = was_passed_over && self.ready_count <= PAGE;
        if is_short && (self.ready_count > enough || is_little) {
            self.reset()
        } else {
            0
        }
    }
}
