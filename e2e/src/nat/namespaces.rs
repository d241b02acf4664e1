//! A NAT of the kernel between two namespaces of the network: a phone's and a router's, which masquerades and is tied to
//! the machine by one link. The machine itself gets that link's address and nothing else: no route, rule or setting.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{IDLE, PHONE};
use crate::eventually;
use crate::platform::binary;

/// The router's address towards the phone.
const INSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
/// The router's link to the machine, by its name in the router's namespace.
const OUT: &str = "out";
/// The router's link to the phone.
const IN: &str = "in";
/// Begins the names of namespaces; the process and a count follow.
const NAME: &str = "sibai-nat";
/// How long the first datagram through a new NAT is waited for.
const FIRST_DATAGRAM: Duration = Duration::from_secs(10);

static OPENED: AtomicU32 = AtomicU32::new(0);

/// The two namespaces. Dropping it removes them, and with them their links and rules.
pub struct Namespaces {
    router: String,
    phone: String,
    machine: Ipv4Addr,
    outside: Ipv4Addr,
    ways: Mutex<Ways>,
}

/// All ways out are closed at once, by the last use of any.
#[derive(Default)]
struct Ways {
    now: Duration,
    used_at: Duration,
    sent: u64,
}

/// Why there is no such NAT here.
#[derive(Debug)]
pub enum Denied {
    /// A tool is missing or was not permitted.
    Tool {
        /// What was to be done.
        line: String,
        /// What it said.
        said: String,
    },
    /// All was permitted, and yet nothing came through.
    Silent(io::Error),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::Tool { line, said } => write!(f, "{line}: {said}"),
            Denied::Silent(error) => write!(f, "nothing comes through: {error}"),
        }
    }
}

impl Namespaces {
    /// Opens it and sees a first datagram come through.
    ///
    /// # Errors
    /// The system does not permit it, or has not the tools (iproute2, iptables).
    pub fn open() -> Result<Namespaces, Denied> {
        remove_left_behind()?;
        let (process, one) = (std::process::id(), OPENED.fetch_add(1, Ordering::Relaxed));
        let (machine, outside) = free_pair(process.wrapping_mul(31).wrapping_add(one))?;
        let (router, phone) =
            (format!("{NAME}-{process}-{one}-router"), format!("{NAME}-{process}-{one}-phone"));
        // From here on, what was made is removed whatever fails.
        let nat = Namespaces { router, phone, machine, outside, ways: Mutex::default() };
        nat.make_links(&format!("sn{process}-{one}"))?;
        nat.make_rules()?;
        nat.see_through()?;
        Ok(nat)
    }

    fn make_links(&self, link: &str) -> Result<(), Denied> {
        let Namespaces { router, phone, machine, outside, .. } = self;
        for namespace in [router, phone] {
            run(&format!("ip netns add {namespace}"))?;
        }
        for line in [
            format!("ip link add {link} type veth peer name {OUT} netns {router}"),
            format!("ip address add {machine}/30 dev {link}"),
            format!("ip link set {link} up"),
            format!("ip -n {router} address add {outside}/30 dev {OUT}"),
            format!("ip -n {router} link set {OUT} up"),
            format!("ip -n {router} link add {IN} type veth peer name eth0 netns {phone}"),
            format!("ip -n {router} address add {INSIDE}/24 dev {IN}"),
            format!("ip -n {router} link set {IN} up"),
            format!("ip -n {phone} address add {PHONE}/24 dev eth0"),
            format!("ip -n {phone} link set eth0 up"),
            format!("ip -n {phone} route add default via {INSIDE}"),
        ] {
            run(&line)?;
        }
        Ok(())
    }

    /// The first rule of a chain counts. Settings of /proc/sys/net are the namespace's own; by the kernel's time no way
    /// closes while a test runs.
    fn make_rules(&self) -> Result<(), Denied> {
        let within = format!("ip netns exec {}", self.router);
        for line in [
            format!("{within} iptables -t nat -A POSTROUTING -o {OUT} -j MASQUERADE"),
            format!("{within} iptables -A FORWARD -i {IN} -o {OUT} -p udp -j ACCEPT"),
            format!("{within} iptables -A INPUT -i {OUT} -p udp -j DROP"),
        ] {
            run(&line)?;
        }
        for (setting, value) in [
            ("ipv4/ip_forward", 1),
            ("netfilter/nf_conntrack_udp_timeout", 3_600),
            ("netfilter/nf_conntrack_udp_timeout_stream", 3_600),
        ] {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &self.router, "sh", "-c"]);
            command.arg(format!("echo {value} > /proc/sys/net/{setting}"));
            said(&format!("{setting} = {value}"), command.output())?;
        }
        Ok(())
    }

    /// A phone's first REGISTER arrives, and from the router.
    fn see_through(&self) -> Result<(), Denied> {
        let socket = UdpSocket::bind((self.machine, 0)).map_err(Denied::Silent)?;
        socket.set_read_timeout(Some(FIRST_DATAGRAM)).map_err(Denied::Silent)?;
        let mut phone = self.asking(&socket).map_err(Denied::Silent)?;
        let seen = socket.recv_from(&mut [0; 1_500]);
        // It may have ended already.
        let _ = phone.kill();
        let _ = phone.wait();
        match seen {
            Ok((_, from)) if from.ip() == self.outside() => Ok(()),
            Ok((_, from)) => Err(Denied::Silent(io::Error::other(format!("it came from {from}")))),
            Err(error) => Err(Denied::Silent(error)),
        }
    }

    /// A phone that goes on asking this socket for a registration.
    fn asking(&self, registrar: &UdpSocket) -> io::Result<Child> {
        let mut command = self.behind(&binary());
        command.args(["phone", "nobody-1", "--registrar", &registrar.local_addr()?.to_string()]);
        command.env("SIBAI_PHONE_PASSWORD", "of no use");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
    }

    /// Where the platform listens.
    pub fn platform(&self) -> IpAddr {
        self.machine.into()
    }

    /// The router's address towards the machine.
    pub fn outside(&self) -> IpAddr {
        self.outside.into()
    }

    /// A program that has the phone's network.
    pub fn behind(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.phone]).arg(program);
        command
    }

    /// Lets time pass: if nobody used a way out for too long, they close.
    ///
    /// # Panics
    /// The tools refuse.
    pub fn advance(&self, by: Duration) {
        let mut ways = self.locked();
        let sent = self.sent();
        if sent != ways.sent {
            (ways.sent, ways.used_at) = (sent, ways.now);
        }
        ways.now += by;
        if ways.now - ways.used_at > IDLE {
            self.close();
            (ways.sent, ways.used_at) = (0, ways.now);
        }
    }

    /// A masqueraded way does not outlive its link (masq_device_event of the kernel). Nothing comes while it is down.
    fn close(&self) {
        let router = &self.router;
        let must = |line: &str| run(line).unwrap_or_else(|why| panic!("{why}"));
        must(&format!("ip -n {router} link set {OUT} down"));
        eventually("the router forgets", || {
            let count = "/proc/sys/net/netfilter/nf_conntrack_count";
            (must(&format!("ip netns exec {router} cat {count}")).trim() == "0").then_some(())
        });
        must(&format!("ip netns exec {router} iptables -Z FORWARD"));
        must(&format!("ip -n {router} link set {OUT} up"));
    }

    /// Datagrams that went out since the ways closed last.
    ///
    /// # Panics
    /// The tools refuse.
    pub fn sent(&self) -> u64 {
        self.counted("FORWARD")
    }

    /// Datagrams that came for the router itself, which are those by no open way.
    ///
    /// # Panics
    /// The tools refuse.
    pub fn refused(&self) -> u64 {
        self.counted("INPUT")
    }

    /// Packets that the first rule of a chain took.
    fn counted(&self, chain: &str) -> u64 {
        let line = format!("ip netns exec {} iptables -nvxL {chain} 1", self.router);
        let said = run(&line).unwrap_or_else(|why| panic!("{why}"));
        let packets = said.split_whitespace().next().and_then(|word| word.parse().ok());
        packets.unwrap_or_else(|| panic!("{line}: {said}"))
    }

    fn locked(&self) -> MutexGuard<'_, Ways> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in [&self.phone, &self.router] {
            // It may never have been made.
            let _ = run(&format!("ip netns delete {namespace}"));
        }
    }
}

/// Addresses of the machine and the router on a link of their own, of the range kept for measurements (RFC 2544).
fn free_pair(start: u32) -> Result<(Ipv4Addr, Ipv4Addr), Denied> {
    let base = u32::from(Ipv4Addr::new(198, 18, 0, 0));
    let pairs = 1 << 15;
    let mut places = (0..pairs).map(|step| base + (start.wrapping_add(step) % pairs) * 4);
    loop {
        let place = places.next().ok_or_else(|| Denied::Silent(io::Error::other("198.18.0.0/15 is full")))?;
        let taken = run(&format!("ip -4 -o address show to {}/30", Ipv4Addr::from(place)))?;
        if taken.trim().is_empty() {
            return Ok((Ipv4Addr::from(place + 1), Ipv4Addr::from(place + 2)));
        }
    }
}

/// Removes the namespaces of processes that were killed before they could.
fn remove_left_behind() -> Result<(), Denied> {
    let listed = run("ip netns list")?;
    for name in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        let process = name.strip_prefix(NAME).and_then(|rest| rest.split('-').nth(1));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another test may have removed it by now.
            let _ = run(&format!("ip netns delete {name}"));
        }
    }
    Ok(())
}

/// Runs one line of words without quotes.
fn run(line: &str) -> Result<String, Denied> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    said(line, command.args(words).stdin(Stdio::null()).output())
}

fn said(line: &str, output: io::Result<Output>) -> Result<String, Denied> {
    let denied = |said: String| Denied::Tool { line: line.to_owned(), said };
    let output = output.map_err(|error| denied(error.to_string()))?;
    if !output.status.success() {
        return Err(denied(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PATIENCE;

    fn exists(namespace: &str) -> bool {
        run("ip netns list").is_ok_and(|listed| listed.lines().any(|line| line.starts_with(namespace)))
    }

    #[test]
    fn ways_close_by_the_time_of_the_test_and_nothing_is_left_after_a_panic() {
        let nat = match Namespaces::open() {
            Ok(nat) => nat,
            // The same of the other kind is tested beside it.
            Err(why) => return eprintln!("no NAT by namespaces here: {why}"),
        };
        let names = [nat.router.clone(), nat.phone.clone()];
        let machine = nat.machine;
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let socket = || UdpSocket::bind((machine, 0)).expect("a free port");
            let (server, stranger) = (socket(), socket());
            server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            nat.advance(IDLE + IDLE);
            let mut phone = nat.asking(&server).expect("a phone");
            let (_, seen) = server.recv_from(&mut [0; 1_500]).expect("a datagram");
            assert_eq!(seen.ip(), nat.outside());
            phone.kill().expect("killed");
            phone.wait().expect("waited for");
            let before = nat.refused();
            stranger.send_to(b"hello", seen).expect("sent");
            eventually("the stranger is refused", || (nat.refused() == before + 1).then_some(()));
            nat.advance(IDLE);
            server.send_to(b"in time", seen).expect("sent");
            assert!(nat.sent() > 0, "still open");
            nat.advance(Duration::from_secs(1));
            assert_eq!(nat.sent(), 0, "closed");
            server.send_to(b"too late", seen).expect("sent");
            // One more: what came in time was let in.
            eventually("the late one is refused", || (nat.refused() == before + 2).then_some(()));
            panic!("as a test that fails");
        }));
        assert_eq!(ended.expect_err("it panicked").downcast_ref(), Some(&"as a test that fails"));
        assert!(!names.iter().any(|name| exists(name)), "{names:?}");
    }
}
