//! The bars of a number, written.

use super::{Fields, list, number, text, texts, word};
use crate::enterprise::read::{REGION_MODES, UNKNOWNS, usual_password};
use crate::enterprise::{
    BARRED, Barring, BlockAnswer, BlockEntry, NamedCode, Nuisance, Password, RegionBarring, Tree,
    UnknownRegion,
};

impl Fields {
    pub(super) fn barring(self, block: &[BlockEntry], written: &Barring) -> Self {
        self.items("block", block, block_entry)
            .unless(written.block_answer == BlockAnswer::default(), "block_answer", || {
                text(match &written.block_answer {
                    BlockAnswer::Busy => "busy",
                    BlockAnswer::NotInService => "not_in_service",
                    BlockAnswer::Prompt(prompt) => prompt,
                })
            })
            .items("allow", &written.allow, |pattern| text(pattern))
            .maybe("region_barring", written.regions.as_ref().map(region_barring))
            .maybe("password", written.password.as_ref().map(password))
            .maybe("nuisance", written.nuisance.as_ref().map(nuisance))
    }

    /// A whole number that is left out where it is the usual one.
    fn count(self, name: &str, value: impl Into<u64>, usual: impl Into<u64>) -> Self {
        let value = value.into();
        self.unless(value == usual.into(), name, || number(value))
    }
}

fn block_entry(entry: &BlockEntry) -> Tree {
    let BlockEntry { caller, until, by, note } = entry;
    if *entry == BlockEntry::of(caller) {
        return text(caller);
    }
    Fields::new()
        .with("caller", text(caller))
        .maybe("until", until.map(|date| text(&date.to_string())))
        .unless(by.is_empty(), "by", || text(by))
        .unless(note.is_empty(), "note", || text(note))
        .map()
}

fn region_barring(written: &RegionBarring) -> Tree {
    Fields::new()
        .with("mode", word(&REGION_MODES, written.mode))
        .with("regions", texts(&written.regions))
        .unless(written.unknown == UnknownRegion::Connect, "unknown", || word(&UNKNOWNS, written.unknown))
        .unless(written.prompt == BARRED, "prompt", || text(&written.prompt))
        .map()
}

fn password(written: &Password) -> Tree {
    let usual = usual_password(Vec::new());
    let code =
        |one: &NamedCode| Fields::new().with("name", text(&one.name)).with("code", text(&one.code)).map();
    Fields::new()
        .unless(written.prompt == usual.prompt, "prompt", || text(&written.prompt))
        .unless(written.wrong == usual.wrong, "wrong", || text(&written.wrong))
        .with("passwords", list(written.passwords.iter().map(code)))
        .count("tries", written.tries, usual.tries)
        .count("first_key_seconds", written.first_key_s, usual.first_key_s)
        .count("key_seconds", written.key_s, usual.key_s)
        .count("lock_after", written.lock_after, usual.lock_after)
        .count("lock_minutes", written.lock_minutes, usual.lock_minutes)
        .map()
}

fn nuisance(written: &Nuisance) -> Tree {
    let usual = Nuisance::default();
    if *written == usual {
        return super::flag(true);
    }
    Fields::new()
        .count("challenge", written.challenge, usual.challenge)
        .count("block", written.block, usual.block)
        .count("window_minutes", written.window_minutes, usual.window_minutes)
        .count("short_seconds", written.short_s, usual.short_s)
        .items("suspects", &written.suspects, |pattern| text(pattern))
        .map()
}
