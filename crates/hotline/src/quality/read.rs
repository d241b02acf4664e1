//! Forms and rules as people write them: every field looked at, every problem with its line, place and code.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Answer, CHOICES_MAX, Choice, Fail, FailOf, Form, Kind, QUESTIONS_MAX, Question, SECTIONS_MAX, STEPS_MAX,
    Section, TITLE_MAX, WEIGHT_MAX,
};
use crate::HotlineNumber;
use crate::enterprise::{Language, Tree, Value};

/// Which calls are looked at, how many, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleRule {
    /// Its name, one of its kind in the enterprise: letters, digits, `-` and `_`.
    pub name: String,
    /// By which form; its last published version when calls are drawn.
    pub form: String,
    /// Calls of each agent and week.
    pub calls: u16,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// Only those of this number.
    pub number: Option<HotlineNumber>,
    /// Only those with so many seconds of talk at least.
    pub talk_s_min: u32,
    /// Who evaluates them, by account.
    pub reviewers: Vec<String>,
    /// For how many days an agent may appeal.
    pub appeal_days: u16,
    /// Whether it draws calls.
    pub enabled: bool,
}

/// Something wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormProblem {
    /// Counted from 1; 0 where there is no text.
    pub line: u32,
    /// Where, such as `sections[0].questions[2].min`.
    pub path: String,
    /// What.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another kind of value is wanted; named in both languages.
    WrongType(&'static str, &'static str),
    /// A field that has to be there.
    Missing(&'static str),
    /// Nothing is called so here.
    UnknownField(String),
    /// It stands twice.
    DuplicateField(String),
    /// A name that is none: letters, digits, `-` and `_`, 32 at most.
    BadName(String),
    /// Two are called so.
    DuplicateCode(String),
    /// Empty, or too long.
    BadTitle,
    /// Not one of these words.
    UnknownWord(String, &'static str),
    /// Not within these bounds.
    OutOfRange(Limit),
    /// The most is not above the least, or no choice has points.
    NothingToScore,
    /// The question is not answered so.
    BadAnswer,
    /// No question has points.
    NoScoredQuestion,
    /// Too many of something.
    TooMany(usize),
    /// Not a 400 number.
    BadNumber(String),
}

/// Bounds of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The least.
    pub least: i64,
    /// The most.
    pub most: i64,
}

impl FormProblem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self.fault {
            Fault::WrongType(..) => "wrong_type",
            Fault::Missing(_) => "missing",
            Fault::UnknownField(_) => "unknown_field",
            Fault::DuplicateField(_) => "duplicate_field",
            Fault::BadName(_) => "bad_name",
            Fault::DuplicateCode(_) => "duplicate_code",
            Fault::BadTitle => "bad_title",
            Fault::UnknownWord(..) => "unknown_word",
            Fault::OutOfRange(_) => "out_of_range",
            Fault::NothingToScore => "nothing_to_score",
            Fault::BadAnswer => "bad_answer",
            Fault::NoScoredQuestion => "no_scored_question",
            Fault::TooMany(_) => "too_many",
            Fault::BadNumber(_) => "bad_number",
        }
    }

    /// The sentence.
    pub fn message(&self, language: Language) -> String {
        let (zh, en) = self.sentence();
        match language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    fn sentence(&self) -> (String, String) {
        match &self.fault {
            Fault::WrongType(zh, en) => (format!("这里应为{zh}"), format!("{en} is wanted here")),
            Fault::Missing(field) => (format!("缺少 {field}"), format!("{field} is missing")),
            Fault::UnknownField(field) => (format!("没有字段 {field}"), format!("there is no field {field}")),
            Fault::DuplicateField(field) => (format!("{field} 写了两次"), format!("{field} stands twice")),
            Fault::BadName(name) => (
                format!("“{name}”不是名称：只用字母、数字、- 和 _，最长 {NAME_MAX} 个"),
                format!("{name:?} is no name: letters, digits, - and _, {NAME_MAX} at most"),
            ),
            Fault::DuplicateCode(code) => (format!("有两个 {code}"), format!("two are called {code}")),
            Fault::BadTitle => (
                format!("文字须为 1 至 {TITLE_MAX} 个字"),
                format!("a title has 1 to {TITLE_MAX} characters"),
            ),
            Fault::UnknownWord(word, known) => {
                (format!("“{word}”无效，可以是 {known}"), format!("{word:?} is none of {known}"))
            }
            Fault::OutOfRange(Limit { least, most }) => {
                (format!("应在 {least} 至 {most} 之间"), format!("it lies between {least} and {most}"))
            }
            Fault::NothingToScore => (
                format!("满分须高于最低分，且最多 {STEPS_MAX} 级"),
                format!("the most is above the least, by {STEPS_MAX} at most"),
            ),
            Fault::BadAnswer => ("不是这个问题的答案".into(), "it is no answer to this question".into()),
            Fault::NoScoredQuestion => {
                ("至少要有一个计分的问题".into(), "one question at least has points".into())
            }
            Fault::TooMany(most) => (format!("最多 {most} 个"), format!("{most} at most")),
            Fault::BadNumber(text) => {
                (format!("“{text}”不是 400 号码"), format!("{text:?} is no 400 number"))
            }
        }
    }
}

const NAME_MAX: usize = 32;
const FORM: &[&str] = &["name", "title", "pass_percent", "sections"];
const SECTION: &[&str] = &["code", "title", "questions"];
const QUESTION: &[&str] =
    &["code", "title", "kind", "weight", "not_applicable", "fails", "good", "min", "max", "choices"];
const CHOICE: &[&str] = &["code", "title", "points"];
const FAIL: &[&str] = &["answer", "of"];
const RULE: &[&str] = &[
    "name",
    "form",
    "calls_per_week",
    "queue",
    "number",
    "talk_seconds_min",
    "reviewers",
    "appeal_days",
    "enabled",
];

/// Reads a form.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_form(tree: &Tree) -> Result<Form, Vec<FormProblem>> {
    let mut reader = Reader::default();
    let at = At { tree, path: String::new() };
    let form = reader.form(&at);
    reader.done(form)
}

/// Reads a rule.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_rule(tree: &Tree) -> Result<SampleRule, Vec<FormProblem>> {
    let mut reader = Reader::default();
    let at = At { tree, path: String::new() };
    let rule = reader.rule(&at);
    reader.done(rule)
}

/// A place of the document.
struct At<'t> {
    tree: &'t Tree,
    path: String,
}

impl<'t> At<'t> {
    fn field(&self, name: &'static str) -> Option<At<'t>> {
        let Value::Map(fields) = &self.tree.value else { return None };
        let (_, tree) = fields.iter().find(|(key, _)| key.text == name)?;
        let dot = if self.path.is_empty() { "" } else { "." };
        (tree.value != Value::Null).then(|| At { tree, path: format!("{}{dot}{name}", self.path) })
    }

    fn plain(&self) -> Option<&'t str> {
        match &self.tree.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<FormProblem>,
    /// Questions so far.
    codes: BTreeSet<String>,
}

impl Reader {
    fn done<T>(self, read: Option<T>) -> Result<T, Vec<FormProblem>> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            Some(_) | None => Err(self.problems),
        }
    }

    fn wrong(&mut self, at: &At<'_>, fault: Fault) {
        self.problems.push(FormProblem { line: at.tree.line, path: at.path.clone(), fault });
    }

    /// A map with known fields, none twice.
    fn map(&mut self, at: &At<'_>, known: &[&'static str]) -> Option<()> {
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(at, Fault::WrongType("字段", "a map"));
            return None;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in fields {
            let fault = if !seen.insert(&key.text) {
                Fault::DuplicateField(key.text.clone())
            } else if !known.contains(&key.text.as_str()) {
                Fault::UnknownField(key.text.clone())
            } else {
                continue;
            };
            self.problems.push(FormProblem { line: key.line, path: at.path.clone(), fault });
        }
        Some(())
    }

    fn needed<'t>(&mut self, at: &At<'t>, name: &'static str) -> Option<At<'t>> {
        let found = at.field(name);
        if found.is_none() {
            self.wrong(at, Fault::Missing(name));
        }
        found
    }

    fn list<'t>(&mut self, at: &At<'t>, most: usize) -> Vec<At<'t>> {
        let Value::List(items) = &at.tree.value else {
            self.wrong(at, Fault::WrongType("列表", "a list"));
            return Vec::new();
        };
        if items.len() > most {
            self.wrong(at, Fault::TooMany(most));
            return Vec::new();
        }
        let item = |(place, tree): (usize, &'t Tree)| At { tree, path: format!("{}[{place}]", at.path) };
        items.iter().enumerate().map(item).collect()
    }

    fn number(&mut self, at: &At<'_>, limit: Limit) -> Option<i64> {
        let Value::Number(text) = &at.tree.value else {
            self.wrong(at, Fault::WrongType("整数", "a whole number"));
            return None;
        };
        let number = text.parse().ok().filter(|number| (limit.least..=limit.most).contains(number));
        if number.is_none() {
            self.wrong(at, Fault::OutOfRange(limit));
        }
        number
    }

    fn number_or(&mut self, at: &At<'_>, name: &'static str, limit: Limit, usual: i64) -> Option<i64> {
        match at.field(name) {
            Some(at) => self.number(&at, limit),
            None => Some(usual),
        }
    }

    fn flag_or(&mut self, at: &At<'_>, name: &'static str, usual: bool) -> bool {
        let Some(at) = at.field(name) else { return usual };
        match at.tree.value {
            Value::Bool(flag) => flag,
            _ => {
                self.wrong(&at, Fault::WrongType(" true 或 false", "true or false"));
                usual
            }
        }
    }

    fn name(&mut self, at: &At<'_>, name: &'static str) -> Option<String> {
        let at = self.needed(at, name)?;
        let text = self.text(&at)?;
        let good = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if !(1..=NAME_MAX).contains(&text.len()) || !text.chars().all(good) {
            self.wrong(&at, Fault::BadName(text.chars().take(NAME_MAX).collect()));
            return None;
        }
        Some(text)
    }

    fn text(&mut self, at: &At<'_>) -> Option<String> {
        let text = at.plain().map(str::to_owned);
        if text.is_none() {
            self.wrong(at, Fault::WrongType("文字", "a text"));
        }
        text
    }

    fn title(&mut self, at: &At<'_>) -> Option<String> {
        let at = self.needed(at, "title")?;
        let text = self.text(&at)?.trim().to_owned();
        if !(1..=TITLE_MAX).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            self.wrong(&at, Fault::BadTitle);
            return None;
        }
        Some(text)
    }

    /// Codes that stand once in their list.
    fn apart<'c>(&mut self, at: &At<'_>, codes: impl Iterator<Item = &'c str>) {
        let mut seen = BTreeSet::new();
        for code in codes {
            if !seen.insert(code) {
                self.wrong(at, Fault::DuplicateCode(code.to_owned()));
            }
        }
    }

    fn form(&mut self, at: &At<'_>) -> Option<Form> {
        self.map(at, FORM)?;
        let (name, title) = (self.name(at, "name"), self.title(at));
        let pass = self.number_or(at, "pass_percent", Limit { least: 0, most: 100 }, 60);
        let under = self.needed(at, "sections")?;
        let places = self.list(&under, SECTIONS_MAX);
        let sections: Vec<Section> = places.iter().filter_map(|at| self.section(at)).collect();
        self.apart(&under, sections.iter().map(|section| section.code.as_str()));
        if self.codes.len() > QUESTIONS_MAX {
            self.wrong(&under, Fault::TooMany(QUESTIONS_MAX));
        }
        let form = Form { name: name?, title: title?, pass_percent: u8::try_from(pass?).ok()?, sections };
        if self.problems.is_empty() && !form.questions().any(|(_, question)| question.is_scored()) {
            self.wrong(&under, Fault::NoScoredQuestion);
        }
        Some(form)
    }

    fn section(&mut self, at: &At<'_>) -> Option<Section> {
        self.map(at, SECTION)?;
        let (code, title) = (self.name(at, "code"), self.title(at));
        let under = self.needed(at, "questions")?;
        let places = self.list(&under, QUESTIONS_MAX);
        let questions = places.iter().filter_map(|at| self.question(at)).collect();
        Some(Section { code: code?, title: title?, questions })
    }

    fn question(&mut self, at: &At<'_>) -> Option<Question> {
        self.map(at, QUESTION)?;
        let (code, title, kind) = (self.name(at, "code"), self.title(at), self.kind(at));
        let code = code?;
        if !self.codes.insert(code.clone()) {
            self.wrong(at, Fault::DuplicateCode(code.clone()));
        }
        let kind = kind?;
        let most = if kind == Kind::Text { 0 } else { i64::from(WEIGHT_MAX) };
        let weight = self.number_or(at, "weight", Limit { least: most.min(1), most }, most.min(1))?;
        let not_applicable = self.flag_or(at, "not_applicable", false);
        let weight = u16::try_from(weight).ok()?;
        let mut question = Question { code, title: title?, kind, weight, not_applicable, fails: Vec::new() };
        if let Some(under) = at.field("fails") {
            let places = self.list(&under, CHOICES_MAX);
            question.fails = places.iter().filter_map(|at| self.fail(at, &question)).collect();
        }
        Some(question)
    }

    fn kind(&mut self, at: &At<'_>) -> Option<Kind> {
        const KINDS: &str = "yes_no, scale, choice, text";
        let named = self.needed(at, "kind")?;
        let word = self.text(&named)?;
        let own: &[&str] = match word.as_str() {
            "yes_no" => &["good"],
            "scale" => &["min", "max"],
            "choice" => &["choices"],
            "text" => &[],
            _ => {
                self.wrong(&named, Fault::UnknownWord(word, KINDS));
                return None;
            }
        };
        for field in ["good", "min", "max", "choices"] {
            if !own.contains(&field) && at.field(field).is_some() {
                self.wrong(at, Fault::UnknownField(field.to_owned()));
            }
        }
        match word.as_str() {
            "yes_no" => self.good(at).map(|yes_is_good| Kind::YesNo { yes_is_good }),
            "scale" => self.scale(at),
            "choice" => self.choices(at),
            _ => Some(Kind::Text),
        }
    }

    fn good(&mut self, at: &At<'_>) -> Option<bool> {
        let Some(at) = at.field("good") else { return Some(true) };
        match self.text(&at)?.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            other => {
                self.wrong(&at, Fault::UnknownWord(other.to_owned(), "yes, no"));
                None
            }
        }
    }

    fn scale(&mut self, at: &At<'_>) -> Option<Kind> {
        let limit = Limit { least: -1_000, most: 1_000 };
        let (min, max) = (self.needed(at, "min"), self.needed(at, "max"));
        let (min, max) = (self.number(&min?, limit)?, self.number(&max?, limit)?);
        if !(1..=i64::from(STEPS_MAX)).contains(&(max - min)) {
            self.wrong(at, Fault::NothingToScore);
            return None;
        }
        Some(Kind::Scale { min: i16::try_from(min).ok()?, max: i16::try_from(max).ok()? })
    }

    fn choices(&mut self, at: &At<'_>) -> Option<Kind> {
        let under = self.needed(at, "choices")?;
        let places = self.list(&under, CHOICES_MAX);
        let choices: Vec<Choice> = places.iter().filter_map(|at| self.choice(at)).collect();
        self.apart(&under, choices.iter().map(|choice| choice.code.as_str()));
        if choices.len() == places.len() && !choices.iter().any(|choice| choice.points > 0) {
            self.wrong(&under, Fault::NothingToScore);
            return None;
        }
        Some(Kind::Choice { choices })
    }

    fn choice(&mut self, at: &At<'_>) -> Option<Choice> {
        self.map(at, CHOICE)?;
        let (code, title) = (self.name(at, "code"), self.title(at));
        let points = self.needed(at, "points")?;
        let points = self.number(&points, Limit { least: 0, most: i64::from(STEPS_MAX) })?;
        Some(Choice { code: code?, title: title?, points: u16::try_from(points).ok()? })
    }

    fn fail(&mut self, at: &At<'_>, question: &Question) -> Option<Fail> {
        self.map(at, FAIL)?;
        let (answer, of) = (self.needed(at, "answer"), self.needed(at, "of"));
        let answer = self.answer(&answer?, question)?;
        let of = of?;
        let of = match self.text(&of)?.as_str() {
            "section" => FailOf::Section,
            "form" => FailOf::Form,
            other => {
                self.wrong(&of, Fault::UnknownWord(other.to_owned(), "section, form"));
                return None;
            }
        };
        Some(Fail { answer, of })
    }

    /// An answer as a form writes it: `no`, the number of a scale, the code of a choice.
    fn answer(&mut self, at: &At<'_>, question: &Question) -> Option<Answer> {
        let text = at.plain().unwrap_or_default();
        let answer = match &question.kind {
            Kind::YesNo { .. } if text == "yes" => Some(Answer::Yes),
            Kind::YesNo { .. } if text == "no" => Some(Answer::No),
            Kind::Scale { .. } => text.parse().ok().map(Answer::Scale),
            Kind::Choice { .. } => Some(Answer::Choice(text.to_owned())),
            Kind::YesNo { .. } | Kind::Text => None,
        };
        let answer = answer.filter(|answer| question.worth(answer).is_some());
        if answer.is_none() {
            self.wrong(at, Fault::BadAnswer);
        }
        answer
    }

    fn rule(&mut self, at: &At<'_>) -> Option<SampleRule> {
        self.map(at, RULE)?;
        let (name, form) = (self.name(at, "name"), self.name(at, "form"));
        let calls = self.needed(at, "calls_per_week");
        let calls = calls.and_then(|at| self.number(&at, Limit { least: 1, most: 100 }));
        let talk = self.number_or(at, "talk_seconds_min", Limit { least: 0, most: 86_400 }, 0);
        let appeal = self.number_or(at, "appeal_days", Limit { least: 0, most: 90 }, 7);
        let queue = at.field("queue").and_then(|at| self.text(&at));
        let number = at.field("number").and_then(|at| self.hotline(&at));
        let under = self.needed(at, "reviewers");
        let places = under.as_ref().map(|under| self.list(under, QUESTIONS_MAX)).unwrap_or_default();
        let reviewers: Vec<String> = places.iter().filter_map(|at| self.text(at)).collect();
        if let Some(under) = &under {
            self.apart(under, reviewers.iter().map(String::as_str));
            if reviewers.is_empty() {
                self.wrong(under, Fault::Missing("reviewers"));
            }
        }
        let enabled = self.flag_or(at, "enabled", true);
        Some(SampleRule {
            name: name?,
            form: form?,
            calls: u16::try_from(calls?).ok()?,
            queue,
            number,
            talk_s_min: u32::try_from(talk?).ok()?,
            reviewers,
            appeal_days: u16::try_from(appeal?).ok()?,
            enabled,
        })
    }

    fn hotline(&mut self, at: &At<'_>) -> Option<HotlineNumber> {
        let text = self.text(at)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.wrong(at, Fault::BadNumber(text.chars().take(NAME_MAX).collect()));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enterprise::Key;

    /// A tree of JSON, a line a value's depth.
    fn tree(json: &serde_json::Value) -> Tree {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => Value::Number(number.to_string()),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(tree).collect()),
            serde_json::Value::Object(fields) => {
                let field = |(name, value): (&String, &serde_json::Value)| {
                    (Key { line: 1, text: name.clone() }, tree(value))
                };
                Value::Map(fields.iter().map(field).collect())
            }
        };
        Tree::new(1, value)
    }

    fn written() -> serde_json::Value {
        serde_json::json!({
            "name": "service", "title": "服务质检", "pass_percent": 80,
            "sections": [
                {"code": "opening", "title": "开场", "questions": [
                    {"code": "greeting", "title": "是否报出企业名称", "kind": "yes_no", "weight": 10,
                     "fails": [{"answer": "no", "of": "section"}]},
                    {"code": "tone", "title": "语气", "kind": "scale", "min": 1, "max": 5, "weight": 20,
                     "not_applicable": true}]},
                {"code": "handling", "title": "处理", "questions": [
                    {"code": "solved", "title": "是否解决", "kind": "choice", "weight": 30, "choices": [
                        {"code": "full", "title": "完全", "points": 10},
                        {"code": "none", "title": "没有", "points": 0}],
                     "fails": [{"answer": "none", "of": "form"}]},
                    {"code": "rude", "title": "是否粗鲁", "kind": "yes_no", "good": "no"},
                    {"code": "remark", "title": "评语", "kind": "text"}]}]
        })
    }

    fn codes(json: &serde_json::Value) -> Vec<(String, &'static str)> {
        let problems = read_form(&tree(json)).expect_err("something is wrong");
        for problem in &problems {
            assert!(!problem.message(Language::Zh).is_empty() && !problem.message(Language::En).is_empty());
        }
        problems.iter().map(|one| (one.path.clone(), one.code())).collect()
    }

    #[test]
    fn q19_a_form_is_read_as_it_is_written_and_kept_as_it_is_read() {
        let form = read_form(&tree(&written())).expect("a form");
        assert_eq!((form.pass_percent, form.questions().count()), (80, 5));
        let greeting = form.question("greeting").expect("it is there");
        assert_eq!(greeting.fails, [Fail { answer: Answer::No, of: FailOf::Section }]);
        assert_eq!(form.question("rude").expect("it is there").worth(&Answer::No), Some((1, 1)));
        assert_eq!(form.question("remark").expect("it is there").weight, 0);
        let kept = serde_json::to_string(&form).expect("JSON");
        assert_eq!(serde_json::from_str::<Form>(&kept).expect("a form"), form);
    }

    #[test]
    fn q19_what_is_wrong_with_a_form_is_told_by_place_and_code() {
        type Spoil = fn(&mut serde_json::Value);
        let cases: [(Spoil, &str, &str); 17] = [
            (|form| form["extra"] = 1.into(), "", "unknown_field"),
            (|form| form["name"] = "a b".into(), "name", "bad_name"),
            (|form| form["title"] = "".into(), "title", "bad_title"),
            (|form| form["pass_percent"] = 101.into(), "pass_percent", "out_of_range"),
            (|form| form["sections"] = 1.into(), "sections", "wrong_type"),
            (|form| form["sections"][1]["code"] = "opening".into(), "sections", "duplicate_code"),
            (|form| form["sections"][0]["questions"] = serde_json::Value::Null, "sections[0]", "missing"),
            (|form| first(form)["kind"] = "maybe".into(), "sections[0].questions[0].kind", "unknown_word"),
            (|form| first(form)["min"] = 1.into(), "sections[0].questions[0]", "unknown_field"),
            (|form| first(form)["weight"] = 0.into(), "sections[0].questions[0].weight", "out_of_range"),
            (|form| first(form)["weight"] = "1".into(), "sections[0].questions[0].weight", "wrong_type"),
            (|form| first(form)["code"] = "tone".into(), "sections[0].questions[1]", "duplicate_code"),
            (
                |form| first(form)["fails"][0]["answer"] = "full".into(),
                "sections[0].questions[0].fails[0].answer",
                "bad_answer",
            ),
            (
                |form| first(form)["fails"][0]["of"] = "all".into(),
                "sections[0].questions[0].fails[0].of",
                "unknown_word",
            ),
            (
                |form| form["sections"][0]["questions"][1]["max"] = 1.into(),
                "sections[0].questions[1]",
                "nothing_to_score",
            ),
            (
                |form| form["sections"][1]["questions"][0]["choices"][0]["points"] = 0.into(),
                "sections[1].questions[0].choices",
                "nothing_to_score",
            ),
            (
                |form| {
                    let text = serde_json::json!({"code": "x", "title": "词", "kind": "text"});
                    form["sections"] = serde_json::json!([{"code": "a", "title": "段", "questions": [text]}]);
                },
                "sections",
                "no_scored_question",
            ),
        ];
        for (spoil, path, code) in cases {
            let mut form = written();
            spoil(&mut form);
            let found = codes(&form);
            assert!(found.contains(&(path.to_owned(), code)), "{path} {code}: {found:?}");
        }
    }

    fn first(form: &mut serde_json::Value) -> &mut serde_json::Value {
        &mut form["sections"][0]["questions"][0]
    }

    #[test]
    fn q19_a_form_has_a_hundred_questions_at_most() {
        let question =
            |n: usize| serde_json::json!({"code": format!("q{n}"), "title": "问", "kind": "yes_no"});
        let sections = |counts: [usize; 2]| {
            let first: Vec<_> = (0..counts[0]).map(question).collect();
            let second: Vec<_> = (counts[0]..counts[0] + counts[1]).map(question).collect();
            serde_json::json!({"name": "n", "title": "题", "sections": [
                {"code": "a", "title": "一", "questions": first}, {"code": "b", "title": "二", "questions": second}]})
        };
        assert_eq!(read_form(&tree(&sections([60, 40]))).expect("a form").questions().count(), 100);
        assert_eq!(codes(&sections([60, 41])), [("sections".to_owned(), "too_many")]);
        assert_eq!(codes(&sections([101, 0]))[0], ("sections[0].questions".to_owned(), "too_many"));
    }

    #[test]
    fn q19_a_rule_is_read_with_its_usual_values_and_its_problems() {
        let written = serde_json::json!({
            "name": "weekly", "form": "service", "calls_per_week": 3, "reviewers": ["chen", "wu"], "number": "4006010114"
        });
        let rule = read_rule(&tree(&written)).expect("a rule");
        assert_eq!((rule.calls, rule.talk_s_min, rule.appeal_days, rule.enabled), (3, 0, 7, true));
        assert_eq!(rule.number.map(|number| number.to_string()).as_deref(), Some("4006010114"));
        let wrong = serde_json::json!({
            "name": "weekly", "form": "service", "calls_per_week": 0, "reviewers": ["a", "a"], "number": "123", "appeal_days": 91
        });
        let problems = read_rule(&tree(&wrong)).expect_err("wrong");
        let mut codes: Vec<_> = problems.iter().map(FormProblem::code).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["bad_number", "duplicate_code", "out_of_range", "out_of_range"]);
        let none =
            serde_json::json!({"name": "weekly", "form": "service", "calls_per_week": 1, "reviewers": []});
        assert_eq!(read_rule(&tree(&none)).expect_err("nobody")[0].code(), "missing");
    }
}
