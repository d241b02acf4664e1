//! Who is told of what by message: mobile numbers and e-mail addresses.

use super::fields::{TELL, TELL_OF_CALLS};
use super::problem::{Counted, Fault};
use super::reader::{At, Object, Reader};
use super::tree::Value;
use crate::enterprise::{Tell, TellOfCalls};
use crate::message::Address;

/// Addressees of one thing: a message goes to each.
const ADDRESSES_MAX: usize = 5;

impl Reader<'_> {
    /// `tell` of the document.
    pub(super) fn tell(&mut self, at: Option<At<'_>>) -> Tell {
        let Some(object) = at.and_then(|at| self.object(&at, &TELL)) else { return Tell::default() };
        Tell { alerts: self.addresses(&object, "alerts"), agents: self.addresses(&object, "agents") }
    }

    /// `tell` of a number.
    pub(super) fn tell_of_calls(&mut self, at: Option<At<'_>>) -> TellOfCalls {
        let Some(object) = at.and_then(|at| self.object(&at, &TELL_OF_CALLS)) else {
            return TellOfCalls::default();
        };
        let (missed, voicemail) = (self.addresses(&object, "missed"), self.addresses(&object, "voicemail"));
        TellOfCalls { missed, voicemail }
    }

    /// One address, or a list of them.
    fn addresses(&mut self, object: &Object<'_>, field: &str) -> Vec<Address> {
        let Some(at) = object.field(field) else { return Vec::new() };
        let items = match at.tree.value {
            Value::List(_) => self.some_items(Some(at.clone()), Counted::Entries, ADDRESSES_MAX),
            _ => vec![at.clone()],
        };
        items.iter().filter_map(|at| self.address(at)).collect()
    }

    /// A mobile number or an e-mail address.
    pub(super) fn address(&mut self, at: &At<'_>) -> Option<Address> {
        let text = self.text(at)?;
        let address =
            Address::parse(&super::hours::without_separators(text)).or_else(|| Address::parse(text));
        if address.is_none() {
            self.wrong(at, Fault::BadAddress { found: text.to_owned() });
        }
        address
    }
}
