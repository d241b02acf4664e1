//! Our listeners as the node looks at them: what carries messages at each, who may speak there and where it is bound.
//! Which of them a trunk or a bound number is called by is decided here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sip::Transport;

use crate::guard::Role;

/// What is said of a listener of the endpoint beside what it carries and what it tells others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listener {
    /// Who may speak there.
    pub role: Role,
    /// The address bound, by which a trunk's profile names it; `None` is named by none.
    pub bound: Option<SocketAddr>,
    /// The address that far ends of it are told for media and in From, Diversion and P-Asserted-Identity; `None` is that
    /// of the media port.
    pub media: Option<IpAddr>,
}

/// All of them, in the endpoint's order; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Arc<[(Transport, Listener)]>);

impl Listeners {
    /// Those of an endpoint; what nothing is said of is for anybody.
    pub(crate) fn new(sip: &sip::Config, said: &[Listener]) -> Listeners {
        let of = |place: usize| said.get(place).copied().unwrap_or_default();
        let all = sip.listeners.iter().enumerate();
        Listeners(all.map(|(place, known)| (known.transport, of(place))).collect())
    }

    fn first(&self, is_it: impl Fn(Transport, &Listener) -> bool) -> Option<u16> {
        self.0.iter().position(|(transport, known)| is_it(*transport, known)).map(|place| place as u16)
    }

    fn of_role(&self, transport: Transport, role: Role) -> Option<u16> {
        self.first(|carries, known| carries == transport && known.role == role)
    }

    /// The one a trunk is called by: that bound to the address its profile names, else one for trunks, else for anybody.
    pub(crate) fn to_trunk(&self, transport: Transport, named: Option<SocketAddr>) -> u16 {
        let bound = |at| self.first(|carries, known| carries == transport && known.bound == Some(at));
        named
            .and_then(bound)
            .or_else(|| self.of_role(transport, Role::Trunks))
            .or_else(|| self.of_role(transport, Role::Any))
            .unwrap_or(0)
    }

    /// See [`Listener::media`].
    pub(crate) fn told_of_media(&self, listener: u16) -> Option<IpAddr> {
        self.0.get(usize::from(listener)).and_then(|(_, known)| known.media)
    }

    /// The one a bound number that is a SIP URI is called by: datagrams where phones speak, else anybody. `None` where
    /// only carriers are heard, since its answer would not be.
    pub(crate) fn to_sip_uri(&self) -> Option<u16> {
        let of = |role| self.of_role(Transport::Udp, role);
        of(Role::Phones).or_else(|| of(Role::Any))
    }
}
