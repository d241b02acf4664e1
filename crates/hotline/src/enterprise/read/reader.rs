//! How a field is taken out of a tree: typed, with its path, noting what is wrong and going on. It knows no field.

use std::collections::{BTreeMap, BTreeSet};

use super::Allowed;
use super::fields::Shape;
use super::problem::{Counted, Fault, Named, Problem, Wanted};
use super::tree::{Key, Tree, Value};
use crate::Money;

/// A place in the document.
#[derive(Clone, Debug)]
pub(super) struct At<'t> {
    pub(super) tree: &'t Tree,
    pub(super) path: String,
}

/// A map whose field names were checked.
pub(super) struct Object<'t> {
    pub(super) at: At<'t>,
    fields: &'t [(Key, Tree)],
}

/// Names that a list gives to its items, each with the line it stands on first.
pub(super) type Names = BTreeMap<String, u32>;

/// What was found so far.
pub(super) struct Reader<'a> {
    pub(super) allowed: &'a Allowed<'a>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Of the number being read.
    pub(super) uses: Uses,
}

/// Which names of destinations and groups a number's rules, groups and forwards use.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) dialled: BTreeSet<String>,
    pub(super) members: BTreeSet<String>,
    pub(super) forwards: BTreeSet<String>,
}

impl<'t> At<'t> {
    pub(super) fn field(&self, name: &str, tree: &'t Tree) -> At<'t> {
        let dot = if self.path.is_empty() { "" } else { "." };
        At { tree, path: format!("{}{dot}{name}", self.path) }
    }

    pub(super) fn item(&self, place: usize, tree: &'t Tree) -> At<'t> {
        At { tree, path: format!("{}[{place}]", self.path) }
    }

    /// The entries of a map with their places; none if it is no map.
    pub(super) fn entries(&self) -> Vec<(&'t Key, At<'t>)> {
        match &self.tree.value {
            Value::Map(fields) => {
                fields.iter().map(|(key, tree)| (key, self.field(&key.text, tree))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The text of a scalar that people may write with or without quotes.
    pub(super) fn plain(&self) -> Option<&'t str> {
        match &self.tree.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}

impl<'t> Object<'t> {
    /// A field that is there and not empty. Of one that stands twice, the first.
    pub(super) fn field(&self, name: &str) -> Option<At<'t>> {
        let (_, tree) = self.fields.iter().find(|(key, _)| key.text == name)?;
        (tree.value != Value::Null).then(|| self.at.field(name, tree))
    }
}

impl Reader<'_> {
    pub(super) fn wrong(&mut self, at: &At<'_>, fault: Fault) {
        self.problems.push(Problem { line: at.tree.line, path: at.path.clone(), fault });
    }

    pub(super) fn warn(&mut self, at: &At<'_>, fault: Fault) {
        self.warnings.push(Problem { line: at.tree.line, path: at.path.clone(), fault });
    }

    pub(super) fn wrong_key(&mut self, key: &Key, at: &At<'_>, fault: Fault) {
        self.problems.push(Problem { line: key.line, path: at.path.clone(), fault });
    }

    /// A map of a shape: every field known, none twice, none missing that has to be there.
    pub(super) fn object<'t>(&mut self, at: &At<'t>, shape: &Shape) -> Option<Object<'t>> {
        let Value::Map(fields) = &at.tree.value else {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Map });
            return None;
        };
        let mut seen = BTreeSet::new();
        for (key, value) in fields {
            let field = || key.text.clone();
            let there = at.field(&key.text, value);
            if !seen.insert(&key.text) {
                self.wrong_key(key, &there, Fault::DuplicateField { field: field() });
            } else if shape.later.contains(&key.text.as_str()) {
                self.wrong_key(key, &there, Fault::NotAvailable { what: field() });
            } else if !shape.fields.iter().any(|known| known.name == key.text) {
                let near = shape.near(&key.text);
                self.wrong_key(key, &there, Fault::UnknownField { field: field(), near });
            }
        }
        let object = Object { at: at.clone(), fields };
        for field in shape.fields.iter().filter(|field| field.required) {
            if object.field(field.name).is_none() {
                self.wrong(at, Fault::Missing { field: field.name });
            }
        }
        Some(object)
    }

    /// The items of a list.
    pub(super) fn list<'t>(&mut self, at: &At<'t>) -> Vec<At<'t>> {
        match &at.tree.value {
            Value::List(items) => {
                items.iter().enumerate().map(|(place, tree)| at.item(place, tree)).collect()
            }
            _ => {
                self.wrong(at, Fault::WrongType { wanted: Wanted::List });
                Vec::new()
            }
        }
    }

    /// The items of a field's list, at most `max`; none if the field is not there.
    pub(super) fn items<'t>(&mut self, at: Option<At<'t>>, counted: Counted, max: usize) -> Vec<At<'t>> {
        let Some(at) = at else { return Vec::new() };
        let mut items = self.list(&at);
        if items.len() > max {
            self.wrong(&items[max], Fault::TooMany { counted, max });
            items.truncate(max);
        }
        items
    }

    /// Like [`Reader::items`], and none at all is wrong.
    pub(super) fn some_items<'t>(&mut self, at: Option<At<'t>>, counted: Counted, max: usize) -> Vec<At<'t>> {
        if let Some(at) = at.as_ref().filter(|at| at.tree.value == Value::List(Vec::new())) {
            self.wrong(at, Fault::Empty { counted });
        }
        self.items(at, counted, max)
    }

    /// Text; a number is taken by its source text, since `name: 8001` needs no quotes.
    pub(super) fn text<'t>(&mut self, at: &At<'t>) -> Option<&'t str> {
        if at.plain().is_none() {
            self.wrong(at, Fault::WrongType { wanted: Wanted::Text });
        }
        at.plain()
    }

    /// A name: text of 1 to 64 characters that show.
    pub(super) fn name(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        if !is_name(text) {
            self.wrong(at, Fault::BadName);
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn flag(&mut self, at: Option<At<'_>>, usual: bool) -> bool {
        let Some(at) = at else { return usual };
        match at.tree.value {
            Value::Bool(flag) => flag,
            _ => {
                self.wrong(&at, Fault::WrongType { wanted: Wanted::Flag });
                usual
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, at: &At<'_>, min: u64, max: u64) -> Option<u64> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (text, negative) = match &at.tree.value {
            Value::Number(text) => (text.as_str(), text.strip_prefix('-').is_some_and(digits)),
            _ => ("", false),
        };
        if !digits(text) && !negative {
            self.wrong(at, Fault::WrongType { wanted: Wanted::WholeNumber });
            return None;
        }
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.wrong(at, Fault::OutOfRange { found: text.to_owned(), min, max });
        }
        number
    }

    /// A whole number that fits `u32`, if the field is there.
    pub(super) fn count(&mut self, at: Option<At<'_>>, max: u32) -> Option<u32> {
        let number = self.whole(&at?, 1, u64::from(max))?;
        u32::try_from(number).ok()
    }

    /// An amount above zero, quoted or not.
    pub(super) fn money(&mut self, at: Option<At<'_>>) -> Option<Money> {
        let at = at?;
        let text = self.text(&at)?;
        let money = text.parse().ok().filter(|money| *money > Money::ZERO);
        if money.is_none() {
            self.wrong(&at, Fault::BadMoney { found: text.to_owned() });
        }
        money
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        at: &At<'_>,
        words: &[(&'static str, T)],
        later: &[&str],
    ) -> Option<T> {
        let found = self.text(at)?;
        let chosen = words.iter().find(|(word, _)| *word == found).map(|(_, value)| *value);
        if chosen.is_none() {
            let fault = if later.contains(&found) {
                Fault::NotAvailable { what: found.to_owned() }
            } else {
                let one_of = words.iter().map(|(word, _)| *word).collect();
                Fault::UnknownValue { found: found.to_owned(), one_of }
            };
            self.wrong(at, fault);
        }
        chosen
    }

    /// Like [`Reader::choice`], for a field that may be left out.
    pub(super) fn choice_or<T: Copy>(
        &mut self,
        at: Option<At<'_>>,
        words: &[(&'static str, T)],
        usual: T,
    ) -> T {
        at.and_then(|at| self.choice(&at, words, &[])).unwrap_or(usual)
    }

    /// The names of a list's items, taken first so that a broken item is still known by its name.
    pub(super) fn names(&mut self, list: Option<&At<'_>>, named: Named) -> Names {
        let mut names = Names::new();
        let Some(Value::List(items)) = list.map(|at| &at.tree.value) else { return names };
        for (place, item) in items.iter().enumerate() {
            let at = list.expect("it is a list").item(place, item);
            let Some((_, name)) = at.entries().into_iter().find(|(key, _)| key.text == "name") else {
                continue;
            };
            if let Some(text) = name.plain() {
                self.declare(&mut names, &name, text, named);
            }
        }
        names
    }

    /// Notes that a name is carried, unless something before carries it.
    pub(super) fn declare(&mut self, names: &mut Names, at: &At<'_>, name: &str, named: Named) {
        match names.get(name) {
            Some(first) => {
                let (name, first_line) = (name.to_owned(), *first);
                self.wrong(at, Fault::DuplicateName { named, name, first_line });
            }
            None => {
                names.insert(name.to_owned(), at.tree.line);
            }
        }
    }

    /// A name that something must carry.
    pub(super) fn known(
        &mut self,
        at: &At<'_>,
        named: Named,
        carried: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let name = self.text(at)?;
        if !carried(name) {
            self.wrong(at, Fault::UnknownName { named, name: name.to_owned() });
            return None;
        }
        Some(name.to_owned())
    }

    /// The name of a prompt that is there.
    pub(super) fn prompt(&mut self, at: &At<'_>) -> Option<String> {
        let (prompts, unreviewed) = (self.allowed.prompts, self.allowed.unreviewed);
        if let Some(name) = at.plain()
            && unreviewed.contains(&name)
            && !prompts.contains(&name)
        {
            self.wrong(at, Fault::PromptNotReviewed { name: name.to_owned() });
            return None;
        }
        self.known(at, Named::Prompt, |name| prompts.contains(&name))
    }
}

/// Whether a text can be a name.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control)
}
