//! The service level of a queue (row Q12).

use super::fields::SERVICE_LEVEL;
use super::problem::Fault;
use super::reader::{At, Reader};
use crate::service::{Abandons, ServiceLevel, ShortAbandons};

pub(in crate::enterprise) const SHORT_ABANDONS: [(&str, ShortAbandons); 2] =
    [("out", ShortAbandons::Out), ("in", ShortAbandons::In)];
pub(in crate::enterprise) const ABANDONS: [(&str, Abandons); 3] =
    [("missed", Abandons::Missed), ("in_time", Abandons::InTime), ("out", Abandons::Out)];

/// What is in time may be as long as a wait.
const S_MAX: u64 = 14_400;
/// An abandon after a longer wait is not short.
const SHORT_S_MAX: u64 = 60;

impl Reader<'_> {
    /// `{template: 80/20}` or `{percent: 80, seconds: 20}`, with `{short_abandons: in, short_abandon_seconds: 5, abandons: missed}`.
    pub(super) fn service_level(&mut self, at: &At<'_>) -> Option<ServiceLevel> {
        let object = self.object(at, &SERVICE_LEVEL)?;
        let template = object.field("template").map(|at| self.choice(&at, &ServiceLevel::TEMPLATES, &[]));
        let percent = object.field("percent").map(|at| self.whole(&at, 1, 100));
        let s = object.field("seconds").map(|at| self.whole(&at, 1, S_MAX));
        let usual = ServiceLevel::default();
        let short_s = match object.field("short_abandon_seconds") {
            Some(at) => self.whole(&at, 1, SHORT_S_MAX).map(|s| s as u16),
            None => Some(usual.short_abandon_s),
        };
        let short_abandons =
            self.choice_or(object.field("short_abandons"), &SHORT_ABANDONS, usual.short_abandons);
        let abandons = self.choice_or(object.field("abandons"), &ABANDONS, usual.abandons);
        let (percent, s) = match (template, percent, s) {
            (Some(template), None, None) => template?,
            (None, Some(percent), Some(s)) => (percent? as u8, s? as u16),
            (Some(_), Some(_), _) => {
                return self.no_goal(at, Fault::Conflict { field: "template", with: "percent" });
            }
            (Some(_), None, Some(_)) => {
                return self.no_goal(at, Fault::Conflict { field: "template", with: "seconds" });
            }
            (None, None, _) => return self.no_goal(at, Fault::Missing { field: "percent" }),
            (None, Some(_), None) => return self.no_goal(at, Fault::Missing { field: "seconds" }),
        };
        Some(ServiceLevel { percent, s, short_abandon_s: short_s?, short_abandons, abandons })
    }

    fn no_goal(&mut self, at: &At<'_>, fault: Fault) -> Option<ServiceLevel> {
        self.wrong(at, fault);
        None
    }
}
