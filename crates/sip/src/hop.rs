//! Where a message comes from or goes to: the way as well as the address, so that answers and requests inside a dialog
//! return by the flow they came by. It refuses to know sockets.

use std::net::SocketAddr;

/// What carries a message between two hops.
#[derive(
    Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// A plain WebSocket (RFC 7118).
    Ws,
    /// A WebSocket under TLS.
    Wss,
}

impl Transport {
    /// The word in a Via (RFC 3261 20.42, RFC 7118).
    pub fn in_via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// Whether nothing is lost or reordered on the way, so that requests are not repeated (RFC 3261 17.1).
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }
}

/// One end of a way that messages take: what carries them, which listener of ours has it, the far address, and the
/// connection where it is a stream. Without a connection a stream is to be opened, or an open one used again.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Hop {
    /// What carries the messages.
    pub transport: Transport,
    /// Which of our listeners, by its place in the configuration.
    pub listener: u16,
    /// The far end.
    pub remote: SocketAddr,
    /// The connection, numbered by whoever owns the sockets; never given twice in one run.
    pub connection: Option<u32>,
}

impl Hop {
    /// The far end `remote` by datagrams of the first listener.
    pub const fn udp(remote: SocketAddr) -> Hop {
        Hop { transport: Transport::Udp, listener: 0, remote, connection: None }
    }

    /// The same way to another address: datagrams stay on their listener, a stream is opened or found anew.
    pub fn towards(self, remote: SocketAddr) -> Hop {
        if remote == self.remote { self } else { Hop { remote, connection: None, ..self } }
    }
}

impl From<SocketAddr> for Hop {
    fn from(remote: SocketAddr) -> Hop {
        Hop::udp(remote)
    }
}

impl std::fmt::Display for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.transport {
            Transport::Udp => write!(f, "{}", self.remote),
            stream => write!(f, "{};transport={}", self.remote, stream.in_via().to_ascii_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_kept_only_towards_its_own_far_end() {
        let (here, there): (SocketAddr, SocketAddr) =
            ("192.0.2.1:5060".parse().expect("an address"), "192.0.2.2:5060".parse().expect("an address"));
        let flow = Hop { transport: Transport::Tls, listener: 2, remote: here, connection: Some(7) };
        assert_eq!(flow.towards(here), flow);
        assert_eq!(flow.towards(there), Hop { remote: there, connection: None, ..flow });
        assert_eq!(flow.to_string(), "192.0.2.1:5060;transport=tls");
        assert_eq!(Hop::from(here).to_string(), "192.0.2.1:5060");
    }
}
