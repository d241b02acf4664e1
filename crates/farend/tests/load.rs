//! The load generator against its own callee, and callers against SIPp, which shares no line of code with us.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use farend::call::{self, CallConfig, EndedBy, HangUp};
use farend::load::{self, LoadConfig, LoadReport, Plan};

fn free_port() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound")
}

fn config(plan: Plan, hold_ms: u64, rtp: bool) -> LoadConfig {
    let callee = free_port();
    LoadConfig { plan, hold_ms, rtp, ..LoadConfig::new(callee, "4006010114", callee) }
}

async fn run(config: LoadConfig) -> LoadReport {
    load::run(config, |_| ()).await.expect("free ports")
}

#[tokio::test]
async fn two_hundred_calls_are_all_answered_and_timed() {
    let plan = Plan::Steady { rate_per_s: 200.0, warm_up_s: 0.25, seconds: 1.0 };
    let report = run(config(plan, 200, false)).await;
    assert_eq!((report.attempted, report.answered, report.failed), (200, 200, 0), "{report:?}");
    assert_eq!((report.ended_badly, report.matched_by_order, report.held_back), (0, 0, 0), "{report:?}");
    for times in [report.post_dial_ms, report.setup_ms, report.release_ms] {
        assert_eq!(times.count, 200);
        assert!(
            times.p50 > 0.0 && times.p50 <= times.p90 && times.p90 <= times.p99 && times.p99 <= times.max
        );
    }
    assert!(report.post_dial_ms.p50 <= report.setup_ms.p50);
    let json = serde_json::to_value(&report).expect("plain data");
    assert!(json["post_dial_ms"]["p99"].is_number() && json["failed_by_status"].is_object());
}

#[tokio::test]
async fn rtp_flows_both_ways_and_is_counted() {
    let plan = Plan::Steady { rate_per_s: 20.0, warm_up_s: 0.0, seconds: 1.0 };
    let report = run(config(plan, 1000, true)).await;
    assert_eq!((report.answered, report.failed), (20, 0), "{report:?}");
    let rtp = report.rtp.expect("asked for");
    assert_eq!((rtp.silent_directions, rtp.lost), (0, 0), "{rtp:?}");
    // 20 calls, 2 directions, 1 s at 50 packets a second.
    assert!(rtp.sent >= 1900 && rtp.received >= 1900 && rtp.received <= rtp.sent, "{rtp:?}");
    assert!(rtp.delay_ms.count == rtp.received && rtp.delay_ms.p50 > 0.0);
}

#[tokio::test]
async fn calls_are_brought_up_and_held() {
    let plan = Plan::Fill { rate_per_s: 500.0, calls: 60, up_for_s: 0.5 };
    let report = run(config(plan, 0, false)).await;
    assert_eq!((report.attempted, report.answered, report.calls_up_max), (60, 60, 60), "{report:?}");
    assert_eq!((report.failed, report.ended_badly, report.release_ms.count), (0, 0, 60));
    assert!(report.elapsed_ms >= 500);
}

#[tokio::test]
async fn calls_beyond_the_bound_are_held_back_not_queued() {
    let plan = Plan::Steady { rate_per_s: 100.0, warm_up_s: 0.0, seconds: 0.5 };
    let report = run(LoadConfig { calls_max: 5, ..config(plan, 2000, false) }).await;
    assert_eq!((report.attempted, report.held_back, report.calls_up_max), (5, 45, 5), "{report:?}");
}

/// SIPp's own callee, ended when dropped.
struct Sipp(Child);

impl Sipp {
    fn callee(listen: SocketAddr, calls: u32) -> Sipp {
        let child = Command::new("sipp")
            .args(["-sn", "uas", "-nostdin", "-timeout", "60", "-m", &calls.to_string()])
            .args(["-i", &listen.ip().to_string(), "-p", &listen.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir(std::env::temp_dir())
            .spawn();
        Sipp(child.expect("sipp of the Debian package sip-tester"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn sipp_agrees_with_every_message_of_a_call() {
    let callee = free_port();
    let mut sipp = Sipp::callee(callee, 51);
    let config = CallConfig {
        hold_for: Duration::from_millis(300),
        ..CallConfig::new(callee, "4006010114", "13800138000")
    };
    let outcome = call::place(config, HangUp::default(), |_| ()).await.expect("a free port");
    assert_eq!((outcome.ended_by, outcome.status), (EndedBy::Us, 200));
    let plan = Plan::Steady { rate_per_s: 100.0, warm_up_s: 0.0, seconds: 0.5 };
    let load = LoadConfig { plan, hold_ms: 200, ..LoadConfig::new(callee, "4006010114", free_port()) };
    let report = run(load).await;
    assert_eq!((report.attempted, report.answered, report.ended_badly), (50, 50, 0), "{report:?}");
    assert_eq!(report.post_dial_ms.count, 0, "the calls went to SIPp, not to us");
    let status = sipp.0.wait().expect("our child");
    assert!(status.success(), "SIPp counts every call as good: {status}");
}
