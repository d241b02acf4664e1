//! The hours of Monday to Sunday; days with the same hours share them. Knows no dates.

use serde::{Deserialize, Serialize};

use super::hours::Interval;
use crate::short::Short;
use crate::time::Weekday;

/// Intervals by weekday; a day without any is closed.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[Vec<Interval>; 7]", into = "[Vec<Interval>; 7]")]
pub struct Week {
    /// Where each day's hours begin and end.
    places: [(u16, u16); 7],
    hours: Short<Interval, 6>,
}

impl Week {
    /// The same hours every day.
    pub fn of_every_day(hours: &[Interval]) -> Self {
        Self::from([hours; 7])
    }

    /// See [`crate::Hotline`]'s.
    pub(crate) fn glance(&self) -> usize {
        self.hours.len()
    }

    /// The hours of a weekday.
    pub fn day(&self, day: Weekday) -> &[Interval] {
        let (start, end) = self.places[day as usize];
        self.hours.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    /// Monday to Sunday.
    pub fn days(&self) -> [&[Interval]; 7] {
        use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
        [Mon, Tue, Wed, Thu, Fri, Sat, Sun].map(|day| self.day(day))
    }

    /// The same week with other hours on one day.
    #[must_use]
    pub fn with(&self, day: Weekday, hours: &[Interval]) -> Self {
        let mut days = self.days();
        days[day as usize] = hours;
        Self::from(days)
    }
}

impl From<[&[Interval]; 7]> for Week {
    fn from(days: [&[Interval]; 7]) -> Self {
        let (mut places, mut hours) = ([(0, 0); 7], Vec::new());
        for day in 0..days.len() {
            places[day] = match days[..day].iter().position(|earlier| *earlier == days[day]) {
                Some(same) => places[same],
                None => {
                    // A day has 1,440 minutes and its intervals do not overlap: a week's are below 65,536.
                    let start = hours.len() as u16;
                    hours.extend_from_slice(days[day]);
                    (start, hours.len() as u16)
                }
            };
        }
        Self { places, hours: hours.into_iter().collect() }
    }
}

impl From<[Vec<Interval>; 7]> for Week {
    fn from(days: [Vec<Interval>; 7]) -> Self {
        Self::from(days.each_ref().map(Vec::as_slice))
    }
}

impl From<Week> for [Vec<Interval>; 7] {
    fn from(week: Week) -> Self {
        week.days().map(<[Interval]>::to_vec)
    }
}
