//! Reading a lane's backlog in pages: what it wants to read, what of a page it takes, and where it goes on.

use chrono::{DateTime, Utc};
use queue::{
    Delivery, Purpose,
    delivery::weight,
    load::{Cursor, Due, PRIORITIES},
};

use super::{Backlog, Lane, Limits, Sifted, Want, band, breaker::Gate, rank};
use crate::config::PAGE;

impl Lane {
    /// What the lane wants to read now, if it does. From then on it counts as reading, until [`Self::loaded`] or [`Self::unread`].
    pub(crate) fn want(&mut self, limits: Limits, now: DateTime<Utc>) -> Option<Want> {
        let Backlog::Waiting(cursor) = self.backlog else {
            return None;
        };
        let limits = self.allowance.bound(limits);
        let room = limits.deliveries.saturating_sub(self.ready_count);
        // While the endpoint is down one delivery is enough, to probe with.
        let is_down = matches!(self.breaker.gate(now), Gate::NotBefore(_) | Gate::Probe);
        if self.open && is_down && self.ready_count > 0 {
            return None;
        }
        // Half empty: each reading has a price of its own.
        if self.open && (room * 2 < limits.deliveries || self.ready_bytes * 2 > limits.bytes) {
            return None;
        }
        self.backlog = Backlog::Reading {
            from: cursor,
            missed: false,
            behind: false,
            void: false,
        };
        // From the start on, what is known comes first and is passed over.
        let known = if cursor == Cursor::START {
            self.known.len()
        } else {
            0
        };
        // More than fits would be passed over, and read again.
        let fit = limits.bytes.saturating_sub(self.ready_bytes) / weight(0) + 1;
        let rows = u32::try_from(room.min(PAGE).min(fit) + known)
            .unwrap_or(u32::MAX)
            .max(1);
        Some(Want {
            cursor,
            rows,
            tests_only: !self.open,
        })
    }

    /// Whether there is something to read at all.
    pub(crate) fn has_backlog(&self) -> bool {
        matches!(self.backlog, Backlog::Waiting(_))
    }

    /// The page could not be read; it is wanted still.
    pub(crate) fn unread(&mut self) {
        self.left_meanwhile.clear();
        if let Backlog::Reading { from, behind, .. } = self.backlog {
            self.backlog = Backlog::Waiting(if behind { Cursor::START } else { from });
        }
    }

    /// Chooses from the rows of a page, read with `want`, what there is room for: what goes first, and of what is alike the oldest. A replay that
    /// is passed over may lie behind the cursor then: it is found when all was read, from the start.
    pub(crate) fn sift(&self, want: &Want, mut rows: Vec<Due>, limits: Limits) -> Sifted {
        let limits = self.allowance.bound(limits);
        rows.sort_unstable_by_key(|row| (rank(band(row.priority, row.purpose), row.due_at), row.id));
        let mut counts = [0u32; PRIORITIES];
        for row in &rows {
            counts[usize::from(row.priority).min(PRIORITIES - 1)] += 1;
        }
        let mut at_end = counts.iter().all(|count| *count < want.rows);
        let (mut take, mut cursor) = (vec![], want.cursor);
        let (mut count, mut bytes) = (self.ready_count, self.ready_bytes);
        // Once one does not fit, none of its priority that comes after it here may go before it.
        let mut full = [false; PRIORITIES];
        for row in rows {
            let priority = usize::from(row.priority).min(PRIORITIES - 1);
            if full[priority] {
                continue;
            }
            if self.known.contains(&row.id) || self.left_meanwhile.contains(&row.id) {
                cursor.pass(&row);
                continue;
            }
            let size = weight(row.size);
            let is_test = row.purpose == Purpose::Test;
            if !is_test && (count >= limits.deliveries || (bytes + size > limits.bytes && count > 0)) {
                full[priority] = true;
                at_end = false;
                continue;
            }
            count += 1;
            bytes += size;
            cursor.pass(&row);
            take.push(row);
        }
        Sifted { take, cursor, at_end }
    }

    /// The page's deliveries, loaded. Returns the bytes of those that were new to the lane.
    pub(crate) fn loaded(&mut self, sifted: &Sifted, deliveries: Vec<Delivery>) -> usize {
        let before = self.ready_bytes;
        let is_void = matches!(self.backlog, Backlog::Reading { void: true, .. });
        for delivery in deliveries.into_iter().filter(|_| !is_void) {
            if !self.left_meanwhile.contains(&delivery.id) {
                self.admit(delivery);
            }
        }
        self.left_meanwhile.clear();
        let grown = self.ready_bytes - before;
        if let Backlog::Reading {
            from, missed, behind, ..
        } = self.backlog
        {
            self.backlog = if !sifted.at_end && !behind {
                Backlog::Waiting(sifted.cursor)
            } else if from == Cursor::START && !missed {
                Backlog::None
            } else {
                // At the end; once more from the start, for what was committed late.
                Backlog::Waiting(Cursor::START)
            };
        }
        grown
    }

    /// Whether everything due is in memory: then it is worth asking what is due next.
    pub(crate) fn is_read(&self) -> bool {
        self.backlog == Backlog::None
    }
}
