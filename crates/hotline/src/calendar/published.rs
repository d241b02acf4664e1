//! One year's holidays as somebody publishes them: a text with its year, its version and its source in front of the days.
//! Whose word it is, is asked elsewhere.

use super::{Date, HolidayError, HolidayYears};

/// First line of the form that is read here.
const FORM: &str = "sibai-calendar 1";

/// A year's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedYear {
    /// The year.
    pub year: i32,
    /// 1 for the first announcement; a correction has a higher one.
    pub version: u32,
    /// The announcement, such as its title and number.
    pub source: String,
    /// Its days; all lie in the year.
    pub days: HolidayYears,
}

/// What is wrong with a published year.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// The first line is another.
    #[error("line 1: {FORM:?} is expected")]
    Form,
    /// `year`, `version` or `source` is not where it has to be, or is none.
    #[error("line {line}: {field} is expected")]
    Field {
        /// Counted from 1.
        line: usize,
        /// The field.
        field: &'static str,
    },
    /// A line of days is wrong; its line is counted in the whole file.
    #[error("{0}")]
    Day(HolidayError),
    /// A day of another year.
    #[error("{date} is not in {year}")]
    OtherYear {
        /// The day.
        date: Date,
        /// The file's year.
        year: i32,
    },
    /// Not one day.
    #[error("no day is in it")]
    Empty,
}

impl PublishedYear {
    /// Reads `sibai-calendar 1`, `year 2027`, `version 1`, `source …`, each on its line, then lines of
    /// [`HolidayYears::parse_csv`]. Every wrong line is reported.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read(text: &str) -> Result<Self, Vec<PublishedError>> {
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        if lines.next() != Some(FORM) {
            return Err(vec![PublishedError::Form]);
        }
        let mut errors = Vec::new();
        let mut field = |line, field: &'static str| {
            let value = lines.next().and_then(|text| text.strip_prefix(field)).map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned).or_else(|| {
                errors.push(PublishedError::Field { line, field });
                None
            })
        };
        let (year, version, source) = (field(2, "year"), field(3, "version"), field(4, "source"));
        let year = year.and_then(|year| number(&year, 2, "year", 2000..=2199, &mut errors));
        let version = version.and_then(|version| number(&version, 3, "version", 1..=9_999, &mut errors));
        // The head stays as empty lines, so that lines are counted as people see them.
        let body: String = text
            .lines()
            .enumerate()
            .map(|(at, line)| if at < 4 { "\n".into() } else { format!("{line}\n") })
            .collect();
        let days = match HolidayYears::parse_csv(&body) {
            Ok(days) => days,
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(PublishedError::Day));
                HolidayYears::default()
            }
        };
        if let Some(year) = year {
            let strangers = days.days().iter().filter(|day| day.date.year() != year);
            errors.extend(strangers.map(|day| PublishedError::OtherYear { date: day.date, year }));
        }
        if errors.is_empty() && days.days().is_empty() {
            errors.push(PublishedError::Empty);
        }
        match (year, version, source) {
            (Some(year), Some(version), Some(source)) if errors.is_empty() => {
                Ok(Self { year, version: version.unsigned_abs(), source, days })
            }
            _ => Err(errors),
        }
    }
}

fn number(
    text: &str,
    line: usize,
    field: &'static str,
    range: std::ops::RangeInclusive<i32>,
    errors: &mut Vec<PublishedError>,
) -> Option<i32> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    if number.is_none() {
        errors.push(PublishedError::Field { line, field });
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: &str = "sibai-calendar 1\nyear 2027\nversion 2\nsource 国办发明电〔2026〕9号\ndate,kind,name\n2027-01-01,off,元旦\n2027-02-14,work:fri,春节\n";

    #[test]
    fn r24_a_published_year_reads() {
        let read = PublishedYear::read(YEAR).expect("right");
        assert_eq!(
            (read.year, read.version, read.source.as_str(), read.days.days().len()),
            (2027, 2, "国办发明电〔2026〕9号", 2)
        );
        let together = HolidayYears::shipped().with_years_of(&read.days);
        assert!(together.covers(2027) && together.covers(2026));
    }

    #[test]
    fn r24_every_wrong_line_of_a_published_year_is_named() {
        let told = |text: &str| -> Vec<String> {
            PublishedYear::read(text).unwrap_err().iter().map(ToString::to_string).collect()
        };
        assert_eq!(told("date,kind,name\n"), ["line 1: \"sibai-calendar 1\" is expected"]);
        assert_eq!(
            told("sibai-calendar 1\nyear 27\nversion 0\nsource\n"),
            ["line 4: source is expected", "line 2: year is expected", "line 3: version is expected"]
        );
        assert_eq!(
            told(&YEAR.replace("2027-01-01", "2026-01-01").replace("work:fri", "open")),
            ["line 7: \"open\" is neither off, work nor work:mon … work:sun"]
        );
        assert_eq!(told(&YEAR.replace("2027-01-01", "2026-01-01")), ["2026-01-01 is not in 2027"]);
        assert_eq!(
            told("sibai-calendar 1\nyear 2027\nversion 1\nsource a\ndate,kind,name\n"),
            ["no day is in it"]
        );
    }
}
