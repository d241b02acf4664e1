//! What answers are worth. Shares of questions are added over one common denominator, so nothing is rounded before it is shown: an
//! evaluation is passed by the exact figure, and what is shown is rounded down, so that what is shown below the mark is below it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, FailOf, Form, MARKS_MAX, NOTE_MAX, Question, STEPS_MAX, Sheet};

/// Every number up to [`STEPS_MAX`] divides this.
const COMMON: u128 = common(STEPS_MAX as u128);
/// 100.00 percent.
const WHOLE_E2: u128 = 10_000;

const fn common(up_to: u128) -> u128 {
    let (mut common, mut next) = (1, 2);
    while next <= up_to {
        let (mut a, mut b) = (common, next);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        common = common / a * next;
        next += 1;
    }
    common
}

/// What the answers to a form are worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    /// Percent × 100, rounded down.
    pub percent_e2: u32,
    /// Whether the exact figure reaches the form's mark and nothing failed the whole.
    pub passed: bool,
    /// Questions whose answers failed a section or the whole.
    pub failed_by: Vec<String>,
    /// Whether the whole failed by an answer.
    pub failed: bool,
    /// Each section.
    pub sections: Vec<SectionScore>,
}

/// What the answers to a section are worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionScore {
    /// Its code.
    pub code: String,
    /// Percent × 100, rounded down; none where no question of it applies.
    pub percent_e2: Option<u32>,
    /// Whether it failed by an answer.
    pub failed: bool,
}

/// What is wrong with the answers to a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerFault {
    /// The form has no such question.
    UnknownQuestion(String),
    /// The question is not answered so.
    WrongAnswer(String),
    /// The question is not answered.
    Unanswered(String),
    /// No question applies, so there is nothing to score.
    NothingApplies,
    /// The note to the question is too long, or to none of the form's.
    BadNote(String),
    /// The remark, a mark's note or the list of marks is too long.
    TooLong,
}

/// Points so far of points there are, as parts of [`COMMON`] by weight.
#[derive(Clone, Copy, Default)]
struct Sum {
    got: u128,
    weight: u128,
}

impl Sum {
    fn add(&mut self, question: &Question, answer: &Answer) {
        if let Some((points, of)) = question.worth(answer) {
            let weight = u128::from(question.weight);
            self.got += COMMON / u128::from(of) * u128::from(points) * weight;
            self.weight += weight;
        }
    }

    fn percent_e2(self) -> Option<u32> {
        (self.weight > 0).then(|| (self.got * WHOLE_E2 / (self.weight * COMMON)) as u32)
    }

    fn reaches(self, percent: u8) -> bool {
        self.got * 100 >= u128::from(percent) * self.weight * COMMON
    }
}

/// Looks through a sheet; answers to questions without points may be missing. A draft may be unfinished.
///
/// # Errors
/// Everything that is wrong.
pub fn check_sheet(form: &Form, sheet: &Sheet, is_draft: bool) -> Result<(), Vec<AnswerFault>> {
    let answers = &sheet.answers;
    let mut faults = noted_well(form, sheet);
    for (code, answer) in answers {
        match form.question(code) {
            None => faults.push(AnswerFault::UnknownQuestion(code.clone())),
            Some(question) if !question.takes(answer) => faults.push(AnswerFault::WrongAnswer(code.clone())),
            Some(_) => {}
        }
    }
    if !is_draft {
        let open = |one: &&Question| one.is_scored() && !answers.contains_key(&one.code);
        let open = form.questions().map(|(_, question)| question).filter(open);
        faults.extend(open.map(|question| AnswerFault::Unanswered(question.code.clone())));
        if faults.is_empty() && score(form, answers).is_none() {
            faults.push(AnswerFault::NothingApplies);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn noted_well(form: &Form, sheet: &Sheet) -> Vec<AnswerFault> {
    let is_long = |text: &str| text.chars().count() > NOTE_MAX;
    let wrong = |(code, note): &(&String, &String)| form.question(code).is_none() || is_long(note);
    let mut faults: Vec<_> =
        sheet.notes.iter().filter(wrong).map(|(code, _)| AnswerFault::BadNote(code.clone())).collect();
    let marks = sheet.marks.len() > MARKS_MAX || sheet.marks.iter().any(|mark| is_long(&mark.note));
    if marks || is_long(&sheet.remark) {
        faults.push(AnswerFault::TooLong);
    }
    faults
}

/// What answers are worth. A question that does not apply counts as if the form had it not: the others' weights are the whole.
/// `None` where none applies.
pub fn score(form: &Form, answers: &BTreeMap<String, Answer>) -> Option<Scored> {
    let (mut whole, mut failed, mut failed_by) = (Sum::default(), false, Vec::new());
    let mut sections = Vec::new();
    for section in &form.sections {
        let (mut sum, mut section_failed) = (Sum::default(), false);
        for question in &section.questions {
            let Some(answer) = answers.get(&question.code) else { continue };
            sum.add(question, answer);
            let fails: Vec<FailOf> =
                question.fails.iter().filter(|fail| fail.answer == *answer).map(|fail| fail.of).collect();
            section_failed |= fails.contains(&FailOf::Section);
            failed |= fails.contains(&FailOf::Form);
            if !fails.is_empty() {
                failed_by.push(question.code.clone());
            }
        }
        if section_failed {
            sum.got = 0;
        }
        whole.got += sum.got;
        whole.weight += sum.weight;
        let (code, percent_e2) = (section.code.clone(), sum.percent_e2());
        sections.push(SectionScore { code, percent_e2, failed: section_failed });
    }
    let percent_e2 = if failed { whole.percent_e2().map(|_| 0) } else { whole.percent_e2() }?;
    let passed = !failed && whole.reaches(form.pass_percent);
    Some(Scored { percent_e2, passed, failed_by, failed, sections })
}

/// What each question cost of the whole, percent × 100, rounded down: those that were answered and apply, by code. What an automatic
/// fail costs besides is no question's.
pub fn lost(form: &Form, answers: &BTreeMap<String, Answer>) -> Vec<(String, u32)> {
    let mut whole = Sum::default();
    let mut each = Vec::new();
    for (_, question) in form.questions() {
        let Some(answer) = answers.get(&question.code) else { continue };
        let mut own = Sum::default();
        own.add(question, answer);
        if own.weight > 0 {
            whole.weight += own.weight;
            each.push((question, own.weight * COMMON - own.got));
        }
    }
    let share = |lost: u128| (lost * WHOLE_E2 / (whole.weight * COMMON)) as u32;
    each.into_iter().map(|(question, lost)| (question.code.clone(), share(lost))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Choice, Fail, Kind, Mark, Section};
    use super::*;
    use crate::flow::Chance;

    fn question(code: String, kind: Kind, weight: u16) -> Question {
        Question { title: code.clone(), code, kind, weight, not_applicable: true, fails: Vec::new() }
    }

    fn form(sections: Vec<Vec<Question>>, pass_percent: u8) -> Form {
        let section = |(place, questions): (usize, Vec<Question>)| Section {
            code: format!("s{place}"),
            title: "段".into(),
            questions,
        };
        let sections = sections.into_iter().enumerate().map(section).collect();
        Form { name: "service".into(), title: "服务".into(), pass_percent, sections }
    }

    fn kind(chance: &mut Chance) -> Kind {
        match chance.below(3) {
            0 => Kind::YesNo { yes_is_good: chance.below(2) == 0 },
            1 => {
                let min = chance.below(21) as i16 - 10;
                Kind::Scale { min, max: min + 1 + chance.below(u64::from(STEPS_MAX)) as i16 }
            }
            _ => {
                let choice = |place: u16, points: u64| Choice {
                    code: format!("c{place}"),
                    title: "选".into(),
                    points: points as u16,
                };
                let rest = (1..=chance.below(4) as u16).map(|place| choice(place, chance.below(51)));
                let rest: Vec<Choice> = rest.collect();
                Kind::Choice {
                    choices: std::iter::once(choice(0, 1 + chance.below(50))).chain(rest).collect(),
                }
            }
        }
    }

    /// A form of up to 40 questions in up to four sections, some answers of which fail something.
    fn any_form(chance: &mut Chance) -> Form {
        let (mut sections, mut number) = (Vec::new(), 0);
        for _ in 0..=chance.below(4) {
            let mut questions = Vec::new();
            for _ in 0..=chance.below(10) {
                let kind = kind(chance);
                let mut made = question(format!("q{number}"), kind, 1 + chance.below(1_000) as u16);
                if chance.below(6) == 0 {
                    let of = if chance.below(2) == 0 { FailOf::Section } else { FailOf::Form };
                    made.fails = vec![Fail { answer: any_answer(&made, chance), of }];
                }
                number += 1;
                questions.push(made);
            }
            sections.push(questions);
        }
        form(sections, chance.below(101) as u8)
    }

    fn any_answer(question: &Question, chance: &mut Chance) -> Answer {
        match &question.kind {
            Kind::YesNo { .. } if chance.below(2) == 0 => Answer::Yes,
            Kind::YesNo { .. } => Answer::No,
            Kind::Scale { min, max } => {
                Answer::Scale(min + chance.below(u64::from(max.abs_diff(*min)) + 1) as i16)
            }
            Kind::Choice { choices } => {
                Answer::Choice(choices[chance.below(choices.len() as u64) as usize].code.clone())
            }
            Kind::Text => Answer::Text("好".into()),
        }
    }

    fn any_answers(form: &Form, chance: &mut Chance) -> BTreeMap<String, Answer> {
        let answer = |question: &Question, chance: &mut Chance| match chance.below(8) {
            0 => Answer::NotApplicable,
            _ => any_answer(question, chance),
        };
        form.questions().map(|(_, one)| (one.code.clone(), answer(one, chance))).collect()
    }

    fn checked(
        form: &Form,
        answers: &BTreeMap<String, Answer>,
        is_draft: bool,
    ) -> Result<(), Vec<AnswerFault>> {
        check_sheet(form, &Sheet { answers: answers.clone(), ..Sheet::default() }, is_draft)
    }

    #[test]
    fn q19_a_score_is_within_0_to_100_and_an_automatic_fail_wins() {
        let (mut chance, mut failed, mut passed) = (Chance::new(19), 0, 0);
        for _ in 0..5_000 {
            let form = any_form(&mut chance);
            let answers = any_answers(&form, &mut chance);
            let Some(scored) = score(&form, &answers) else {
                assert!(answers.values().all(|answer| *answer == Answer::NotApplicable));
                continue;
            };
            assert!(scored.percent_e2 <= 10_000 && checked(&form, &answers, false).is_ok());
            assert!(scored.percent_e2 < u32::from(form.pass_percent) * 100 || scored.passed || scored.failed);
            assert!(!scored.passed || scored.percent_e2 >= u32::from(form.pass_percent) * 100);
            assert!(!scored.failed || (scored.percent_e2, scored.passed) == (0, false));
            for section in &scored.sections {
                assert!(section.percent_e2.is_none_or(|percent| percent <= 10_000));
                assert!(!section.failed || section.percent_e2 == Some(0));
            }
            failed += u32::from(scored.failed);
            passed += u32::from(scored.passed);
        }
        assert!(failed > 100 && passed > 100, "{failed} {passed}");
    }

    #[test]
    fn q19_more_points_are_never_worth_less() {
        let mut chance = Chance::new(20);
        for _ in 0..3_000 {
            let mut form = any_form(&mut chance);
            form.sections.iter_mut().flat_map(|one| &mut one.questions).for_each(|one| one.fails.clear());
            let answers = any_answers(&form, &mut chance);
            let Some(before) = score(&form, &answers) else { continue };
            let all: Vec<&Question> = form.questions().map(|(_, question)| question).collect();
            let question = all[chance.below(all.len() as u64) as usize];
            let Some((was, _)) = question.worth(&answers[&question.code]) else { continue };
            let other = any_answer(question, &mut chance);
            let (becomes, _) = question.worth(&other).expect("an answer of its kind");
            let mut changed = answers.clone();
            changed.insert(question.code.clone(), other);
            let after = score(&form, &changed).expect("as many apply");
            match becomes.cmp(&was) {
                std::cmp::Ordering::Greater => {
                    assert!(after.percent_e2 >= before.percent_e2 && after.passed >= before.passed);
                }
                std::cmp::Ordering::Equal => assert_eq!(after, before),
                std::cmp::Ordering::Less => {
                    assert!(after.percent_e2 <= before.percent_e2 && after.passed <= before.passed);
                }
            }
        }
    }

    #[test]
    fn q19_what_does_not_apply_counts_as_if_it_were_not_asked() {
        let (mut chance, mut compared) = (Chance::new(21), 0);
        for _ in 0..3_000 {
            let form = any_form(&mut chance);
            let answers = any_answers(&form, &mut chance);
            let applies = |code: &str| answers[code] != Answer::NotApplicable;
            let mut without = form.clone();
            without
                .sections
                .iter_mut()
                .for_each(|section| section.questions.retain(|question| applies(&question.code)));
            let asked: BTreeMap<String, Answer> = answers
                .iter()
                .filter(|(code, _)| applies(code))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect();
            assert_eq!(score(&form, &answers), score(&without, &asked));
            compared += u32::from(asked.len() < answers.len());
        }
        assert!(compared > 1_000, "{compared}");
    }

    #[test]
    fn q19_the_mark_is_met_by_the_exact_figure_and_what_is_shown_is_rounded_down() {
        let scale = || Kind::Scale { min: 0, max: 3 };
        let two_thirds = form(vec![vec![question("a".into(), scale(), 7)]], 67);
        let answers = BTreeMap::from([("a".to_owned(), Answer::Scale(2))]);
        let scored = score(&two_thirds, &answers).expect("it applies");
        assert_eq!((scored.percent_e2, scored.passed), (6_666, false), "66.666… is not 67");
        let scored = score(&Form { pass_percent: 66, ..two_thirds }, &answers).expect("it applies");
        assert!(scored.passed);
        // Three thirds of different weights are exactly the whole's two thirds.
        let questions = vec![question("a".into(), scale(), 1), question("b".into(), scale(), 2)];
        let form = form(vec![questions], 50);
        let answers =
            BTreeMap::from([("a".to_owned(), Answer::Scale(3)), ("b".to_owned(), Answer::Scale(1))]);
        let scored = score(&form, &answers).expect("it applies");
        assert_eq!((scored.percent_e2, scored.passed), (5_555, true));
    }

    #[test]
    fn q19_a_form_as_large_as_may_be_is_added_up_exactly() {
        let question = |place: usize| {
            question(format!("q{place}"), Kind::Scale { min: 0, max: 1 + (place % 50) as i16 }, 1_000)
        };
        let form = form(vec![(0..100).map(question).collect()], 100);
        let most = |question: &Question| match question.kind {
            Kind::Scale { max, .. } => Answer::Scale(max),
            Kind::YesNo { .. } | Kind::Choice { .. } | Kind::Text => unreachable!("all are scales"),
        };
        let mut answers: BTreeMap<String, Answer> =
            form.questions().map(|(_, one)| (one.code.clone(), most(one))).collect();
        let scored = score(&form, &answers).expect("all apply");
        assert_eq!((scored.percent_e2, scored.passed), (10_000, true));
        answers.insert("q49".into(), Answer::Scale(49));
        let scored = score(&form, &answers).expect("all apply");
        assert_eq!(
            (scored.percent_e2, scored.passed),
            (9_998, false),
            "one of fifty steps of one of a hundred"
        );
    }

    #[test]
    fn q19_what_questions_cost_and_the_score_are_the_whole() {
        let mut chance = Chance::new(22);
        for _ in 0..1_000 {
            let mut form = any_form(&mut chance);
            form.sections.iter_mut().flat_map(|one| &mut one.questions).for_each(|one| one.fails.clear());
            let answers = any_answers(&form, &mut chance);
            let Some(scored) = score(&form, &answers) else { continue };
            let lost = lost(&form, &answers);
            let all = scored.percent_e2 + lost.iter().map(|(_, lost)| lost).sum::<u32>();
            let rounded = lost.len() as u32 + 1;
            assert!(all <= 10_000 && all + rounded > 10_000, "{all} {}", lost.len());
        }
    }

    #[test]
    fn q19_answers_are_looked_through_by_question() {
        let mut asked = question("a".into(), Kind::YesNo { yes_is_good: true }, 1);
        asked.not_applicable = false;
        let words = Question { not_applicable: false, ..question("w".into(), Kind::Text, 0) };
        let form =
            form(vec![vec![asked, words], vec![question("b".into(), Kind::Scale { min: 1, max: 5 }, 1)]], 1);
        let answers = |given: &[(&str, Answer)]| {
            given
                .iter()
                .map(|(code, answer)| ((*code).to_owned(), answer.clone()))
                .collect::<BTreeMap<_, _>>()
        };
        let told = |given: &[(&str, Answer)], is_draft| checked(&form, &answers(given), is_draft);
        assert_eq!(told(&[("a", Answer::Yes), ("b", Answer::Scale(5))], false), Ok(()));
        assert_eq!(told(&[("b", Answer::Scale(5))], true), Ok(()));
        assert_eq!(told(&[("b", Answer::Scale(5))], false), Err(vec![AnswerFault::Unanswered("a".into())]));
        for wrong in
            [("a", Answer::NotApplicable), ("b", Answer::Scale(6)), ("b", Answer::Yes), ("w", Answer::No)]
        {
            let fault = AnswerFault::WrongAnswer(wrong.0.into());
            assert_eq!(told(&[wrong], true), Err(vec![fault]));
        }
        let unknown = [("x", Answer::Yes)];
        assert_eq!(told(&unknown, true), Err(vec![AnswerFault::UnknownQuestion("x".into())]));
        let sheet = |notes: &[(&str, usize)], marks: usize, remark: usize| Sheet {
            answers: answers(&[("a", Answer::Yes), ("b", Answer::Scale(5))]),
            notes: notes.iter().map(|(code, length)| ((*code).to_owned(), "字".repeat(*length))).collect(),
            marks: vec![Mark { second: 12, note: "打断客户".into() }; marks],
            remark: "字".repeat(remark),
        };
        assert_eq!(check_sheet(&form, &sheet(&[("a", NOTE_MAX)], MARKS_MAX, NOTE_MAX), false), Ok(()));
        let bad_note = |code: &str| Err(vec![AnswerFault::BadNote(code.into())]);
        assert_eq!(check_sheet(&form, &sheet(&[("a", NOTE_MAX + 1)], 0, 0), false), bad_note("a"));
        assert_eq!(check_sheet(&form, &sheet(&[("x", 1)], 0, 0), true), bad_note("x"));
        for long in [sheet(&[], MARKS_MAX + 1, 0), sheet(&[], 0, NOTE_MAX + 1)] {
            assert_eq!(check_sheet(&form, &long, true), Err(vec![AnswerFault::TooLong]));
        }
        let nothing = Form { sections: vec![form.sections[1].clone()], ..form.clone() };
        let given = answers(&[("b", Answer::NotApplicable)]);
        assert_eq!(checked(&nothing, &given, false), Err(vec![AnswerFault::NothingApplies]));
    }
}
