//! The SIP phones of a document. A password is hashed where it is read, and no problem shows one.

use super::fields::EXTENSION;
use super::problem::{Counted, Fault, Named};
use super::reader::{At, Names, Object, Reader};
use crate::TenantId;
use crate::enterprise::DestinationKind;
use crate::enterprise::extension::{Extension, Refer, Secret, phone_user};
use crate::number::DestinationPolicy;
use crate::trunk::Srtp;

/// Phones of one enterprise.
const EXTENSIONS_MAX: usize = 10_000;
/// A shorter password is guessed (FAULTS N4).
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 64;
pub(in crate::enterprise) const SRTP: [(&str, Srtp); 3] =
    [("off", Srtp::Off), ("offered", Srtp::Offered), ("required", Srtp::Required)];
pub(in crate::enterprise) const REFER: [(&str, Refer); 2] =
    [("refused", Refer::Refused), ("allowed", Refer::Allowed)];

impl Reader<'_> {
    /// The phones, and their numbers for destinations to name.
    pub(super) fn extensions(
        &mut self,
        object: &Object<'_>,
        tenant: Option<&TenantId>,
    ) -> (Vec<Option<Extension>>, Names) {
        let field = object.field("extensions");
        self.names(field.as_ref(), Named::Extension);
        let mut numbers = Names::new();
        let items = self.items(field, Counted::Entries, EXTENSIONS_MAX);
        let read = items.iter().map(|at| self.extension(at, tenant, &mut numbers)).collect();
        (read, numbers)
    }

    fn extension(
        &mut self,
        at: &At<'_>,
        tenant: Option<&TenantId>,
        numbers: &mut Names,
    ) -> Option<Extension> {
        let object = self.object(at, &EXTENSION)?;
        let name = object.field("name").and_then(|at| self.name(&at));
        let number = object.field("number").and_then(|at| {
            let written = self.text(&at)?;
            match super::destination::check(DestinationKind::Extension, written, DestinationPolicy::default())
            {
                Ok((number, _)) => {
                    self.declare(numbers, &at, &number, Named::Extension);
                    Some(number)
                }
                Err(fault) => {
                    self.wrong(&at, fault);
                    None
                }
            }
        });
        let user = number.as_deref().zip(tenant).map(|(number, tenant)| phone_user(tenant, number));
        let secret = self.secret(&object, user.as_deref());
        let srtp = self.choice_or(object.field("srtp"), &SRTP, Srtp::Off);
        let refer = self.choice_or(object.field("refer"), &REFER, Refer::Refused);
        let ringback = self.own_ringback(&object);
        let (name, number, secret) = (name?, number?, secret?);
        Some(Extension { name, number, secret, srtp, refer, ringback: ringback? })
    }

    /// A password, or the hashes of one as an export writes them.
    fn secret(&mut self, object: &Object<'_>, user: Option<&str>) -> Option<Secret> {
        match (object.field("password"), object.field("password_hash")) {
            (Some(at), None) => {
                let password = self.text(&at)?;
                let fits = (PASSWORD_MIN..=PASSWORD_MAX).contains(&password.chars().count())
                    && !password.chars().any(char::is_control);
                if !fits {
                    self.wrong(&at, Fault::BadPhonePassword);
                    return None;
                }
                Some(Secret::of(user?, password))
            }
            (None, Some(at)) => {
                let secret = Secret::read(self.text(&at)?);
                if secret.is_none() {
                    self.wrong(&at, Fault::BadPhonePassword);
                }
                secret
            }
            (Some(_), Some(at)) => {
                self.wrong(&at, Fault::Conflict { field: "password_hash", with: "password" });
                None
            }
            (None, None) => {
                self.wrong(&object.at, Fault::Missing { field: "password" });
                None
            }
        }
    }
}
