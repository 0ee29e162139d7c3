//! `posthaste endpoint simulate`, `posthaste queue simulate`: what a response would cause.

use anyhow::Result;
use clap::Args;
use posthaste_client::proto::{LaneEffect, SimulatedVerdict, VerdictCase};

use super::{
    Session, Usage,
    args::{header, headers},
};

/// The response.
#[derive(Debug, Args)]
pub(super) struct CaseArgs {
    /// The status of the answer
    #[arg(long, conflicts_with = "failure", required_unless_present = "failure")]
    status: Option<u16>,

    /// A header of the answer, such as 'retry-after: 60'; again for another
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, conflicts_with = "failure")]
    header: Vec<(String, String)>,

    /// Why no answer comes: dns, refused, connect, tls, reset, protocol, timeout or auth
    #[arg(long)]
    failure: Option<String>,

    /// Which attempt it is
    #[arg(long, default_value_t = 1)]
    attempt: u32,
}

impl CaseArgs {
    pub(super) fn read(self) -> Result<VerdictCase, Usage> {
        Ok(VerdictCase {
            status: self.status,
            headers: headers(self.header)?,
            failure: self.failure,
            attempt: Some(self.attempt),
        })
    }
}

impl Session {
    pub(super) fn simulated(&self, told: &SimulatedVerdict) -> Result<()> {
        let times = self.screen.times;
        let again = match (told.retry_at, told.retry_by) {
            (Some(at), Some(by)) if by > at => format!("{} to {}", times.exact(at), times.exact(by)),
            (Some(at), _) => times.exact(at),
            (None, _) => String::new(),
        };
        let lane = match (told.lane, told.hold_until) {
            (LaneEffect::Carry, _) => "goes on".to_owned(),
            (LaneEffect::Hold, until) => {
                format!(
                    "is held until {}",
                    until.map(|at| times.exact(at)).unwrap_or_default()
                )
            }
            (LaneEffect::Disable, _) => "stops: the endpoint is disabled".to_owned(),
        };
        let fields = [
            ("verdict", told.verdict.clone()),
            ("rule", told.rule.clone()),
            ("again", again),
            ("lane", lane),
            ("reason", told.reason.clone()),
        ];
        self.screen.thing(told, &fields)
    }
}
