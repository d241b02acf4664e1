//! What comes back from the store while the directory moves on: an account is its tenant's, whatever became of the
//! number it was asked for.

mod house;

use std::net::SocketAddr;
use std::sync::Arc;

use hotline::enterprise::{AccountKind, BalanceEnd, Enterprise, Then, compile};
use hotline::{Beijing, Hotline, HotlineNumber, Money, Mono, Now, TenantId};
use house::{TRUNK, number};
use node::directory::{Entry, Place};
use node::{Account, Change, Config, Input, Loaded, Node, Notice, Output};

const NODE: ([u8; 4], u16) = ([10, 0, 0, 1], 5060);

/// A prepaid enterprise with one number.
fn hotline(tenant: &str, suffix: u32, version: u32) -> Arc<Hotline> {
    let enterprise = Enterprise {
        account: AccountKind::Prepaid,
        balance_end: BalanceEnd::Strict,
        ..house::enterprise(tenant, suffix, Vec::new(), Then::HangUp { prompt: None })
    };
    Arc::new(compile(&enterprise, version).pop().expect("one number"))
}

fn account(yuan: i64) -> Account {
    Account { balance: Money::from_fen(yuan * 100), ..Account::default() }
}

struct Bench {
    node: Node,
    mono: u64,
}

impl Bench {
    /// A node that keeps one body.
    fn new() -> Bench {
        let node = Node::new(Config { warm_max: 1, ..house::config(NODE, house::trunk()) });
        Bench { node, mono: 0 }
    }

    /// One turn; what it asks of the store and which calls began.
    fn turn(&mut self, input: Input<'_>) -> (Vec<(HotlineNumber, bool, bool)>, Vec<HotlineNumber>) {
        self.mono += 10;
        let wall = Beijing::date(2026, 10, 12).wall();
        self.node.handle(input, Now { mono: Mono(self.mono), wall });
        self.node.facts_written();
        let (mut loads, mut began) = (Vec::new(), Vec::new());
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Load { number, body, account, .. } => loads.push((number, body, account)),
                Output::Notice(Notice::Began { number, .. }) => began.push(number),
                _ => {}
            }
        }
        (loads, began)
    }

    /// A committed edit whose bodies are at hand.
    fn edit(&mut self, hotline: &Arc<Hotline>) {
        let entry =
            Entry { tenant: hotline.tenant.clone(), version: hotline.version, place: Place::default() };
        let numbers = vec![(hotline.number, Some(entry))];
        self.turn(Input::Change(Change::Enterprise { numbers, bodies: vec![hotline.clone()] }));
    }

    fn invite(&mut self, to: HotlineNumber) -> (Vec<(HotlineNumber, bool, bool)>, Vec<HotlineNumber>) {
        let from = SocketAddr::from(TRUNK);
        let invite = format!(
            "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{}\r\n\
             From: <sip:13510001000@10.0.1.1>;tag=a\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: {}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{from}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.mono, self.mono
        );
        self.turn(Input::Datagram { from: from.into(), bytes: invite.as_bytes() })
    }
}

#[test]
fn an_account_is_kept_though_its_numbers_body_was_evicted() {
    let mut bench = Bench::new();
    let (asked, other) = (hotline("acme", 1, 1), hotline("other", 2, 1));
    bench.edit(&asked);
    assert_eq!(bench.invite(asked.number).0, [(asked.number, false, true)], "only its account is missing");
    bench.edit(&other);
    let told = Loaded {
        number: asked.number,
        tenant: asked.tenant.clone(),
        hotline: None,
        account: Some(account(10)),
    };
    let (loads, _) = bench.turn(Input::Loaded(told));
    assert_eq!(loads, [(asked.number, true, false)], "only its body is missing");
    assert_eq!(bench.node.tenant(&asked.tenant).expect("kept").figures().balance, account(10).balance);
    let told = Loaded {
        number: asked.number,
        tenant: asked.tenant.clone(),
        hotline: Some(asked.clone()),
        account: None,
    };
    assert_eq!(bench.turn(Input::Loaded(told)).1, [asked.number]);
}

#[test]
fn an_account_is_not_taken_for_that_of_the_numbers_new_holder() {
    let mut bench = Bench::new();
    let (before, after) = (hotline("acme", 1, 1), hotline("other", 1, 1));
    bench.edit(&before);
    bench.invite(before.number);
    bench.edit(&after);
    let told = |tenant: &TenantId, yuan| Loaded {
        number: number(1),
        tenant: tenant.clone(),
        hotline: None,
        account: Some(account(yuan)),
    };
    let (loads, began) = bench.turn(Input::Loaded(told(&before.tenant, 10)));
    assert_eq!((loads.as_slice(), began.as_slice()), (&[(number(1), false, true)][..], &[][..]));
    assert_eq!(bench.turn(Input::Loaded(told(&after.tenant, 3))).1, [number(1)]);
    let balance = |tenant| bench.node.tenant(tenant).expect("kept").figures().balance;
    assert_eq!((balance(&before.tenant), balance(&after.tenant)), (account(10).balance, account(3).balance));
}
