//! Who is kept away from a number: lists, regions, passwords, nuisance.

use super::fields::{BLOCK_ENTRY, NAMED_CODE, NUISANCE, PASSWORD, REGION_BARRING};
use super::hours::ENTRIES_MAX;
use super::problem::{Counted, Fault, Named, Wanted};
use super::reader::{At, Names, Object, Reader};
use super::tree::Value;
use crate::calendar::Date;
use crate::enterprise::{
    BARRED, Barring, BlockAnswer, BlockEntry, NamedCode, Nuisance, Password, RegionBarring, RegionMode,
    UnknownRegion,
};
use crate::region::RegionSet;

/// Passwords of one number.
const PASSWORDS_MAX: usize = 100;

pub(in crate::enterprise) const REGION_MODES: [(&str, RegionMode); 2] =
    [("allow", RegionMode::Allow), ("deny", RegionMode::Deny)];
pub(in crate::enterprise) const UNKNOWNS: [(&str, UnknownRegion); 2] =
    [("connect", UnknownRegion::Connect), ("refuse", UnknownRegion::Refuse)];

/// A password's terms unless said.
pub(in crate::enterprise) fn usual_password(passwords: Vec<NamedCode>) -> Password {
    Password {
        prompt: "enter_password".to_owned(),
        wrong: "wrong_password".to_owned(),
        passwords,
        tries: 3,
        first_key_s: 10,
        key_s: 5,
        lock_after: 3,
        lock_minutes: 30,
    }
}

impl Reader<'_> {
    /// The `block` list of a number: patterns, or maps with the day, author and reason of an entry.
    pub(super) fn block(&mut self, at: Option<At<'_>>) -> Vec<BlockEntry> {
        let items = self.items(at, Counted::Entries, ENTRIES_MAX);
        items.iter().filter_map(|at| self.block_entry(at)).collect()
    }

    fn block_entry(&mut self, at: &At<'_>) -> Option<BlockEntry> {
        if !matches!(at.tree.value, Value::Map(_)) {
            let caller = self.callers(std::slice::from_ref(at)).pop()?;
            return Some(BlockEntry::of(&caller));
        }
        let object = self.object(at, &BLOCK_ENTRY)?;
        let caller = self.callers(&[object.field("caller")?]).pop()?;
        let until = object.field("until").and_then(|at| self.date(&at));
        let mut words = |name| object.field(name).and_then(|at| self.name(&at)).unwrap_or_default();
        Some(BlockEntry { caller, until, by: words("by"), note: words("note") })
    }

    pub(super) fn date(&mut self, at: &At<'_>) -> Option<Date> {
        let text = self.text(at)?;
        let date = text.parse().ok();
        if date.is_none() {
            self.wrong(at, Fault::BadDate { found: text.to_owned() });
        }
        date
    }

    /// The other bars of a number.
    pub(super) fn barring(&mut self, object: &Object<'_>) -> Barring {
        let allow = self.items(object.field("allow"), Counted::Entries, ENTRIES_MAX);
        Barring {
            allow: self.callers(&allow),
            block_answer: object
                .field("block_answer")
                .map_or_else(Default::default, |at| self.block_answer(&at)),
            regions: object.field("region_barring").and_then(|at| self.region_barring(&at)),
            password: object.field("password").and_then(|at| self.password(&at)),
            nuisance: object.field("nuisance").and_then(|at| self.nuisance(&at)),
        }
    }

    fn block_answer(&mut self, at: &At<'_>) -> BlockAnswer {
        match at.plain() {
            Some("busy") => BlockAnswer::Busy,
            Some("not_in_service") => BlockAnswer::NotInService,
            _ => self.prompt(at).map_or_else(Default::default, BlockAnswer::Prompt),
        }
    }

    /// A prompt that may be left out.
    fn prompt_or(&mut self, at: Option<At<'_>>, place: &At<'_>, usual: &str) -> String {
        match at {
            Some(at) => self.prompt(&at).unwrap_or_default(),
            None => {
                if !self.allowed.prompts.contains(&usual) {
                    let name = usual.to_owned();
                    self.wrong(place, Fault::UnknownName { named: Named::Prompt, name });
                }
                usual.to_owned()
            }
        }
    }

    fn region_barring(&mut self, at: &At<'_>) -> Option<RegionBarring> {
        let object = self.object(at, &REGION_BARRING)?;
        let mode = object.field("mode").and_then(|at| self.choice(&at, &REGION_MODES, &[]));
        let mut regions = Vec::new();
        for item in self.some_items(object.field("regions"), Counted::Entries, ENTRIES_MAX) {
            let Some(text) = self.text(&item) else { continue };
            let written = [text.to_owned()];
            if RegionSet::parse(&written).is_err() {
                self.wrong(&item, Fault::BadRegion { found: text.to_owned() });
            }
            regions.extend(written);
        }
        let unknown = self.choice_or(object.field("unknown"), &UNKNOWNS, UnknownRegion::Connect);
        let prompt = self.prompt_or(object.field("prompt"), at, BARRED);
        Some(RegionBarring { mode: mode?, regions, unknown, prompt })
    }

    fn password(&mut self, at: &At<'_>) -> Option<Password> {
        let object = self.object(at, &PASSWORD)?;
        let items = self.some_items(object.field("passwords"), Counted::Entries, PASSWORDS_MAX);
        let mut names = Names::new();
        let codes: Vec<_> = items.iter().map(|at| self.named_code(at, &mut names)).collect();
        let usual = usual_password(codes.into_iter().collect::<Option<_>>()?);
        let mut small = |name, usual: u16, max| {
            let at = object.field(name);
            at.and_then(|at| self.whole(&at, 1, max)).map_or(usual, |number| number as u16)
        };
        let (tries, lock_after) = (small("tries", 3, 9), small("lock_after", 3, 100));
        let (first_key, key) = (small("first_key_seconds", 10, 60), small("key_seconds", 5, 60));
        let lock_minutes = small("lock_minutes", 30, 10_080);
        Some(Password {
            prompt: self.prompt_or(object.field("prompt"), at, &usual.prompt),
            wrong: self.prompt_or(object.field("wrong"), at, &usual.wrong),
            tries: tries as u8,
            first_key_s: first_key as u8,
            key_s: key as u8,
            lock_after: lock_after as u8,
            lock_minutes,
            ..usual
        })
    }

    /// A password: three to sixteen digits, no two alike.
    pub(super) fn named_code(&mut self, at: &At<'_>, names: &mut Names) -> Option<NamedCode> {
        let object = self.object(at, &NAMED_CODE)?;
        let name = object.field("name").and_then(|at| {
            let name = self.name(&at)?;
            self.declare(names, &at, &name, Named::Password);
            Some(name)
        });
        let code = object.field("code").and_then(|at| {
            let code = self.text(&at)?;
            let is_code = (3..=16).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
            if !is_code {
                self.wrong(&at, Fault::BadPassword);
            }
            is_code.then(|| code.to_owned())
        });
        Some(NamedCode { name: name?, code: code? })
    }

    /// `true`, or a map of what differs from the usual.
    fn nuisance(&mut self, at: &At<'_>) -> Option<Nuisance> {
        let usual = Nuisance::default();
        if let Value::Bool(on) = at.tree.value {
            return on.then_some(usual);
        }
        if !matches!(at.tree.value, Value::Map(_)) {
            self.wrong(at, Fault::WrongType { wanted: Wanted::FlagOrMap });
            return None;
        }
        let object = self.object(at, &NUISANCE)?;
        let mut small = |name, usual: u16, max| {
            let at = object.field(name);
            at.and_then(|at| self.whole(&at, 1, max)).map_or(usual, |number| number as u16)
        };
        let (challenge, block) = (small("challenge", 60, 100), small("block", 100, 100));
        let (window_minutes, short_s) = (small("window_minutes", 10, 1_440), small("short_seconds", 10, 600));
        let suspects = self.items(object.field("suspects"), Counted::Entries, ENTRIES_MAX);
        let suspects = self.callers(&suspects);
        Some(Nuisance { challenge: challenge as u8, block: block as u8, window_minutes, short_s, suspects })
    }
}
