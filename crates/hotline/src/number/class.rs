//! The class of a 400 number and the rule that gave it. Rules are rows of data: classes of different schemes share
//! letters and nothing else, and a class has no price here.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::pattern::{Letters, Pattern, PatternError, digits_of};
use crate::calendar::Date;
use crate::id::HotlineNumber;

/// One rule of a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRule {
    /// The scheme that the class belongs to: `P` is the common pattern classes (seed 002:43).
    pub scheme: Arc<str>,
    /// The class within its scheme, such as `S`.
    pub class: Arc<str>,
    /// The seed's spelling, such as `400K**AABB`.
    pub pattern: Arc<str>,
    /// What the letters stand for.
    pub letters: Letters,
    /// Whether different letters must be different digits.
    pub letters_distinct: bool,
    /// The lowest order that holds wins.
    pub order: u16,
    /// Where it is written.
    pub source: Arc<str>,
    /// The first day, Beijing; `None` is from the beginning.
    pub valid_from: Option<Date>,
    /// The day after the last; `None` is until further notice.
    pub valid_to: Option<Date>,
}

/// What the seeds leave open, for the operator to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Off: different letters may be equal digits in every rule (FEATURES.md 2.3, choice 1).
    pub distinct_letters: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { distinct_letters: true }
    }
}

/// The rules of one scheme on one day, compiled. There is a class for every number.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    pattern: Pattern,
    letters: Letters,
    distinct: bool,
    hit: RuleHit,
}

/// Why rows make no rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A pattern cannot be read.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// No rule of the scheme holds for every number on that day, so some would have no class.
    #[error("scheme {scheme} has no rule for the rest (400K******) on {date}")]
    NoRest {
        /// The scheme.
        scheme: String,
        /// The day.
        date: Date,
    },
    /// Two rules have the same order, so it is open which wins.
    #[error("scheme {scheme}: {first} and {second} have the same order")]
    SameOrder {
        /// The scheme.
        scheme: String,
        /// A pattern.
        first: String,
        /// The other.
        second: String,
    },
}

/// A rule that a number meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHit {
    /// Its scheme.
    pub scheme: Arc<str>,
    /// Its class.
    pub class: Arc<str>,
    /// Its pattern.
    pub pattern: Arc<str>,
    /// Where it is written.
    pub source: Arc<str>,
}

/// A number's class, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classified {
    /// The class, that of the winner.
    pub class: Arc<str>,
    /// The rule that gave it.
    pub winner: RuleHit,
    /// Every rule that the number meets, the winner first.
    pub hits: Vec<RuleHit>,
}

/// Class, pattern, letters: FEATURES.md 2.3 in its order of precedence.
const SHIPPED: [(&str, &str, Letters); 23] = [
    ("S", "400K***AAA", Letters::Equal),
    ("S", "400K**AABB", Letters::Equal),
    ("S", "400K**ABAB", Letters::Equal),
    ("S", "400K*AA*BB", Letters::Equal),
    ("S", "400K*1006*", Letters::Equal),
    ("S", "400K10****", Letters::Equal),
    ("S", "400K20****", Letters::Equal),
    ("A", "400K**AAAB", Letters::Equal),
    ("A", "400K**ABAA", Letters::Equal),
    ("A", "400K**AABA", Letters::Equal),
    ("B", "400K**ABBA", Letters::Equal),
    ("B", "400K****66", Letters::Equal),
    ("B", "400K****88", Letters::Equal),
    ("B", "400K****99", Letters::Equal),
    ("B", "400K***ABC", Letters::Run),
    ("B", "400K***CBA", Letters::Run),
    ("C", "400K****00", Letters::Equal),
    ("C", "400K****11", Letters::Equal),
    ("C", "400K****22", Letters::Equal),
    ("C", "400K****33", Letters::Equal),
    ("C", "400K****44", Letters::Equal),
    ("C", "400K****55", Letters::Equal),
    ("C", "400K****77", Letters::Equal),
];

/// D is "single tail 0 to 9": all the rest.
const SHIPPED_REST: (&str, &str, Letters) = ("D", "400K******", Letters::Equal);

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    Rules::compile(&ClassRule::shipped(), "P", Settings::default(), Date::new(2026, 1, 1))
        .expect("the shipped rows are compiled by a test")
});

impl ClassRule {
    /// The rows of scheme P that come with the product, valid without end on either side: the seed gives no date.
    pub fn shipped() -> Vec<ClassRule> {
        let row = |(place, (class, pattern, letters)): (usize, (&str, &str, Letters))| ClassRule {
            scheme: Arc::from("P"),
            class: Arc::from(class),
            pattern: Arc::from(pattern),
            letters,
            letters_distinct: true,
            order: (place as u16 + 1) * 10,
            source: Arc::from("seed 002:43"),
            valid_from: None,
            valid_to: None,
        };
        SHIPPED.into_iter().chain([SHIPPED_REST]).enumerate().map(row).collect()
    }

    /// The positions after the segment digit, 1 to 6, that its pattern pins down; none if the pattern cannot be read.
    pub fn anchors(&self) -> Vec<u8> {
        self.pattern.parse::<Pattern>().map(|pattern| pattern.anchors()).unwrap_or_default()
    }

    fn holds_on(&self, date: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= date) && self.valid_to.is_none_or(|to| date < to)
    }
}

impl Rules {
    /// The shipped rules of scheme P under the default settings.
    pub fn shipped() -> &'static Self {
        &RULES
    }

    /// The rules of one scheme as of a day.
    pub fn compile(
        rows: &[ClassRule],
        scheme: &str,
        settings: Settings,
        date: Date,
    ) -> Result<Self, RulesError> {
        let mut rows: Vec<&ClassRule> =
            rows.iter().filter(|row| *row.scheme == *scheme && row.holds_on(date)).collect();
        rows.sort_by_key(|row| row.order);
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].order == pair[1].order) {
            let [first, second] = [pair[0], pair[1]].map(|row| row.pattern.to_string());
            return Err(RulesError::SameOrder { scheme: scheme.to_owned(), first, second });
        }
        let compile = |row: &&ClassRule| compile_rule(row, settings);
        let rules = rows.iter().map(compile).collect::<Result<Vec<Compiled>, PatternError>>()?;
        match rules.iter().any(|rule| rule.pattern.holds_all()) {
            true => Ok(Self { rules }),
            false => Err(RulesError::NoRest { scheme: scheme.to_owned(), date }),
        }
    }

    /// Every rule that a number meets, the winner first; never empty.
    pub fn hits(&self, number: HotlineNumber) -> impl Iterator<Item = &RuleHit> {
        let digits = digits_of(number);
        let holds = move |rule: &&Compiled| rule.pattern.holds_digits(&digits, rule.letters, rule.distinct);
        self.rules.iter().filter(holds).map(|rule| &rule.hit)
    }
}

fn compile_rule(row: &ClassRule, settings: Settings) -> Result<Compiled, PatternError> {
    let hit = RuleHit {
        scheme: row.scheme.clone(),
        class: row.class.clone(),
        pattern: row.pattern.clone(),
        source: row.source.clone(),
    };
    let distinct = row.letters_distinct && settings.distinct_letters;
    Ok(Compiled { pattern: row.pattern.parse()?, letters: row.letters, distinct, hit })
}

/// A number's class with the rule that won and all rules it meets.
pub fn classify(number: HotlineNumber, rules: &Rules) -> Classified {
    let hits: Vec<RuleHit> = rules.hits(number).cloned().collect();
    let winner = hits.first().expect("rules are compiled with one that holds for every number").clone();
    Classified { class: winner.class.clone(), winner, hits }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The numbers of segment 4006.
    fn segment() -> impl Iterator<Item = HotlineNumber> {
        (6_000_000..7_000_000).filter_map(HotlineNumber::from_suffix)
    }

    fn counts(settings: Settings) -> BTreeMap<String, u32> {
        let rules = Rules::compile(&ClassRule::shipped(), "P", settings, Date::new(2026, 1, 1)).unwrap();
        let mut counts = BTreeMap::new();
        for number in segment() {
            let winner = rules.hits(number).next().unwrap();
            match counts.get_mut(&*winner.class) {
                Some(count) => *count += 1,
                None => drop(counts.insert(winner.class.to_string(), 1)),
            }
        }
        counts
    }

    fn table(rows: [(&str, u32); 5]) -> BTreeMap<String, u32> {
        rows.map(|(class, count)| (class.to_owned(), count)).into()
    }

    #[test]
    fn n04_a_full_segment_counts_exactly() {
        let distinct = table([("S", 54_586), ("A", 26_450), ("B", 43_556), ("C", 44_448), ("D", 830_960)]);
        assert_eq!(counts(Settings::default()), distinct);
        let equal = table([("S", 55_468), ("A", 25_568), ("B", 43_556), ("C", 44_448), ("D", 830_960)]);
        assert_eq!(counts(Settings { distinct_letters: false }), equal);
    }

    #[test]
    fn n04_each_pattern_has_its_raw_hits() {
        let mut raw = BTreeMap::<&str, u32>::new();
        for number in segment() {
            for hit in Rules::shipped().hits(number) {
                *raw.entry(&hit.pattern).or_default() += 1;
            }
        }
        for (_, pattern, _) in SHIPPED.into_iter().chain([SHIPPED_REST]) {
            let expected = match pattern {
                "400K***AAA" | "400K10****" | "400K20****" => 10_000,
                "400K*1006*" => 100,
                "400K***ABC" | "400K***CBA" => 8_000,
                "400K******" => 1_000_000,
                tail if tail.starts_with("400K****") => 10_000,
                _ => 9_000,
            };
            assert_eq!(raw[pattern], expected, "{pattern}");
        }
    }

    #[test]
    fn n04_overlaps_are_those_of_the_table() {
        let mut overlaps = BTreeMap::<String, u32>::new();
        for number in segment() {
            let mut classes: Vec<&str> = Rules::shipped().hits(number).map(|hit| &*hit.class).collect();
            classes.dedup();
            let named = classes.concat().replace('D', "");
            if named.len() > 1 {
                *overlaps.entry(named).or_default() += 1;
            }
        }
        let three: u32 = overlaps.iter().filter(|(named, _)| named.len() > 2).map(|(_, count)| count).sum();
        assert_eq!((overlaps.values().sum::<u32>(), three), (37_366, 180));
        for (pair, count) in [("SC", 19_252), ("SB", 8_744), ("AC", 6_174), ("AB", 2_646), ("SA", 370)] {
            assert_eq!(overlaps[pair], count, "{pair}");
        }
    }

    #[test]
    fn n04_every_example_shows_class_winner_and_all_hits() {
        for (number, class, winner, others) in [
            ("4006123888", "S", "400K***AAA", vec!["400K****88"]),
            ("4006121122", "S", "400K**AABB", vec!["400K****22"]),
            ("4006121212", "S", "400K**ABAB", vec![]),
            ("4006122344", "S", "400K*AA*BB", vec!["400K****44"]),
            ("4006510067", "S", "400K*1006*", vec![]),
            ("4006101234", "S", "400K10****", vec!["400K***ABC"]),
            ("4006201234", "S", "400K20****", vec!["400K***ABC"]),
            ("4006128889", "A", "400K**AAAB", vec![]),
            ("4006128988", "A", "400K**ABAA", vec!["400K****88"]),
            ("4006128898", "A", "400K**AABA", vec![]),
            ("4006128998", "B", "400K**ABBA", vec![]),
            ("4006123566", "B", "400K****66", vec![]),
            ("4006129123", "B", "400K***ABC", vec![]),
            ("4006129321", "B", "400K***CBA", vec![]),
            ("4006129890", "D", "400K******", vec![]),
            ("4006129100", "C", "400K****00", vec![]),
            ("4006129133", "C", "400K****33", vec![]),
            ("4006129137", "D", "400K******", vec![]),
        ] {
            let classified = classify(number.parse().unwrap(), Rules::shipped());
            assert_eq!((&*classified.class, &*classified.winner.pattern), (class, winner), "{number}");
            let mut expected = vec![winner];
            expected.extend(others);
            expected.extend((class != "D").then_some("400K******"));
            let hits: Vec<&str> = classified.hits.iter().map(|hit| &*hit.pattern).collect();
            assert_eq!(hits, expected, "{number}");
        }
    }

    #[test]
    fn n04_rules_are_dated_and_refused_when_open() {
        let date = Date::new(2026, 1, 1);
        let mut rows = ClassRule::shipped();
        rows[0].valid_to = Some(date);
        let compile = |rows: &[ClassRule], date| Rules::compile(rows, "P", Settings::default(), date);
        let class = |rules: &Rules| classify("4006123777".parse().unwrap(), rules).class.to_string();
        assert_eq!(class(&compile(&rows, date.plus_days(-1)).unwrap()), "S");
        assert_eq!(class(&compile(&rows, date).unwrap()), "C");
        assert!(matches!(compile(&rows[..23], date), Err(RulesError::NoRest { .. })));
        assert!(matches!(
            Rules::compile(&rows, "U", Settings::default(), date),
            Err(RulesError::NoRest { .. })
        ));
        rows[1].order = rows[2].order;
        assert!(matches!(compile(&rows, date), Err(RulesError::SameOrder { .. })));
        rows[1].pattern = Arc::from("400K*");
        rows[1].order = 1;
        assert!(matches!(compile(&rows, date), Err(RulesError::Pattern(_))));
        assert_eq!(rows[3].anchors(), [2, 3, 5, 6]);
    }

    #[test]
    fn rules_and_answers_survive_a_snapshot() {
        let rows = ClassRule::shipped();
        assert_eq!(postcard::from_bytes::<Vec<ClassRule>>(&postcard::to_allocvec(&rows).unwrap()), Ok(rows));
        let classified = classify("4006128998".parse().unwrap(), Rules::shipped());
        let bytes = postcard::to_allocvec(&classified).unwrap();
        assert_eq!(postcard::from_bytes::<Classified>(&bytes), Ok(classified));
    }
}
