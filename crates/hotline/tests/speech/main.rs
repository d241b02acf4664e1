//! The golden table, and what must hold of everything that is said.

use hotline::enterprise::Language;
use hotline::speech::{
    Announcement, MissingValue, Piece, Said, Template, Values, Variable, all_pieces, read_text,
};
use hotline::{Beijing, Money, Wall};

const GOLDEN: &str = include_str!("golden.tsv");

fn lines() -> impl Iterator<Item = (usize, Vec<&'static str>)> {
    let told = |(_, line): &(usize, &str)| !line.starts_with('#') && !line.is_empty();
    (1..).zip(GOLDEN.lines()).filter(told).map(|(at, line)| (at, line.split('\t').collect()))
}

fn time(text: &str) -> Beijing {
    Beijing::parse(&format!("1970-01-01T{text}")).expect("a time")
}

fn spoken(kind: &str, value: &str, language: Language) -> String {
    let count = || value.parse().expect("a count");
    let said = match kind {
        "digits" => Said::Digits(value),
        "phone" => Said::Phone(value),
        "cardinal" => Said::Cardinal(value.parse().expect("a number")),
        "count" => Said::Count(value.parse().expect("a count")),
        "decimal" => Said::Decimal(value),
        "percent" => Said::Percent(value),
        "money" => Said::Money(value.parse().expect("an amount")),
        "date" => Said::Date(Beijing::parse(value).expect("a day")),
        "time" => Said::Time(time(value)),
        "agent" => return Announcement::Agent(value).words(language),
        "position" => return Announcement::Position(count()).words(language),
        "ahead" => return Announcement::Ahead(count()).words(language),
        "wait" => return Announcement::Wait { minutes: count() }.words(language),
        "callback" => return Announcement::CallbackTo(value).words(language),
        "text" => return read_text(value, language),
        "template" => {
            return Template::parse(value).expect("a text").spoken(language, &VALUES).expect("said");
        }
        other => panic!("{other} is no kind"),
    };
    said.words(language)
}

const VALUES: Values<'static> = Values {
    position: Some(2),
    ahead: Some(2),
    wait_minutes: Some(12),
    agent_number: Some("8001"),
    caller: Some("13800138000"),
    number: Some("4006010114"),
    now: Some(Beijing { year: 2026, month: 10, day: 1, ms_of_day: (9 * 60 + 5) * 60_000 }),
    balance: Some(Money(6_600)),
};

#[test]
fn i13_the_golden_table_is_spoken_word_for_word() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (line, fields) in lines() {
        let [kind, value, ref wanted @ ..] = fields[..] else { panic!("line {line} says too little") };
        let wanted = match (kind.split_once(' '), wanted) {
            (Some((_, "zh")), [zh]) => vec![(Language::Zh, *zh)],
            (Some((_, "en")), [en]) => vec![(Language::En, *en)],
            (None, [zh, en]) => vec![(Language::Zh, *zh), (Language::En, *en)],
            _ => panic!("line {line} has another number of fields"),
        };
        let kind = kind.split(' ').next().unwrap_or(kind);
        for (language, want) in wanted {
            let told = spoken(kind, value, language);
            if told != want {
                wrong.push(format!("line {line}, {kind} {value}: {told}, not {want}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 180, "{count} sayings");
}

#[test]
fn every_piece_that_is_said_is_in_the_list_of_pieces_once() {
    for language in [Language::Zh, Language::En] {
        let known = all_pieces(language);
        let mut names: Vec<&str> = known.iter().map(|piece| piece.prompt).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), known.len(), "each once");
        let mut said: Vec<Piece> =
            (0..30_000).flat_map(|n| Said::Cardinal(n * 37).pieces(language)).collect();
        said.extend((0..3_000).flat_map(|n| Said::Money(Money(n * 111)).pieces(language)));
        said.extend((0..1_440).flat_map(|minute| {
            let ms_of_day = minute * 60_000 + 1_000;
            Said::Time(Beijing { ms_of_day, ..Beijing::date(2026, 1, 1) }).pieces(language)
        }));
        for day in 0..800 {
            let day = Wall(1_760_000_000_000 + day * 86_400_000).beijing();
            said.extend(Said::Date(day).pieces(language));
        }
        for n in 0..200 {
            said.extend(Announcement::Position(n).pieces(language));
            said.extend(Announcement::Ahead(n).pieces(language));
            said.extend(Announcement::Wait { minutes: n }.pieces(language));
            said.extend(Announcement::Agent(&n.to_string()).pieces(language));
            said.extend(Announcement::CallbackTo(&n.to_string()).pieces(language));
        }
        said.extend(Said::Percent("-100.5").pieces(language));
        said.extend(Said::Phone("010-1").pieces(language));
        for piece in said {
            assert!(known.contains(&piece), "{piece:?}");
        }
    }
}

/// A number that is read back from its Chinese words is the number: no 零 is lost and none is too much.
#[test]
fn chinese_cardinals_read_back() {
    fn value(words: &[Piece]) -> u64 {
        let (mut high, mut group, mut digit) = (0, 0, 0);
        for piece in words {
            match piece.words {
                "零" => {}
                "十" => group += std::mem::take(&mut digit).max(1) * 10,
                "百" => group += std::mem::take(&mut digit) * 100,
                "千" => group += std::mem::take(&mut digit) * 1_000,
                "万" => {
                    high += (std::mem::take(&mut group) + std::mem::take(&mut digit)) * 10_000;
                }
                "亿" => {
                    high = (high + std::mem::take(&mut group) + std::mem::take(&mut digit)) * 100_000_000;
                }
                "两" => digit = 2,
                word => {
                    digit = "一二三四五六七八九".chars().position(|c| word.starts_with(c)).unwrap() as u64 + 1
                }
            }
        }
        high + group + digit
    }
    for n in (0..200_000).chain((0..4_000).map(|n| n * 7_919_003)) {
        let words = Said::Cardinal(n as i64).pieces(Language::Zh);
        assert_eq!(value(&words), n, "{words:?}");
        let zeros = words.windows(2).any(|two| two.iter().all(|piece| piece.words == "零"));
        assert!(!zeros, "{n}: two 零 in a row");
    }
}

#[test]
fn a_placeholder_that_stands_for_nothing_is_named() {
    let unknown = |text| Template::parse(text).unwrap_err().name;
    assert_eq!(unknown("您好${positon}"), "positon");
    assert_eq!(unknown("您好${position"), "position");
    let template = Template::parse("第${position}位，${ wait_minutes }分钟，${position}").unwrap();
    assert_eq!(template.variables(), [Variable::Position, Variable::WaitMinutes]);
    let missing = template.spoken(Language::Zh, &Values { position: Some(1), ..Values::default() });
    assert_eq!(missing, Err(MissingValue(Variable::WaitMinutes)));
}

#[test]
fn hostile_texts_are_read_without_a_fault() {
    let long = "9".repeat(40);
    let pieces = ["1", "-", ":", ".", ",", "¥", "%", "2026-10-01", "元", "第", "９", "\u{0}", long.as_str()];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let text = format!("{a}{b}{c}");
                read_text(&text, Language::Zh);
                read_text(&text, Language::En);
            }
        }
    }
}
