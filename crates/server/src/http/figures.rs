//! The figures in Prometheus' text form. Refuses to know where they come from.

use std::fmt::Write;
use std::fs;

use super::Shown;
use crate::clock;
use crate::meters::{Meters, POST_DIAL_MS};

/// The kind of a figure.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

pub(super) fn text(shown: &Shown) -> String {
    let mut text = String::with_capacity(8 << 10);
    let meters = &shown.meters;
    for (name, kind, help, value) in plain(meters).into_iter().chain(journal(shown)) {
        head(&mut text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
    post_dial(&mut text, meters);
    threads(&mut text);
    text
}

fn head(text: &mut String, name: &str, kind: Kind, help: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

type Line = (&'static str, Kind, &'static str, u64);

fn plain(meters: &Meters) -> Vec<Line> {
    use Kind::{Counter, Gauge};
    let oldest = meters.store_oldest_ms.value();
    let age_ms = if oldest == 0 { 0 } else { (clock::wall().0 as u64).saturating_sub(oldest) };
    vec![
        ("sibai_calls_up", Gauge, "Live calls.", meters.calls_up.value()),
        (
            "sibai_open_alerts",
            Gauge,
            "Alerts of caps that nobody has acknowledged.",
            meters.open_alerts.value(),
        ),
        (
            "sibai_floors_astray",
            Gauge,
            "Enterprises whose agents and queues did not agree with the live calls at the last look, once a minute: an alarm.",
            meters.floors_astray.value(),
        ),
        (
            "sibai_calendar_missing_year",
            Gauge,
            "In December the next year if its holidays are not imported, else 0: an alarm.",
            meters.calendar_missing_year.value(),
        ),
        ("sibai_invites_total", Counter, "New INVITEs.", meters.invites.value()),
        ("sibai_calls_accepted_total", Counter, "Calls begun.", meters.accepted.value()),
        ("sibai_calls_answered_total", Counter, "Calls answered by our 200.", meters.answered.value()),
        ("sibai_calls_ended_total", Counter, "Calls over.", meters.settled.value()),
        (
            "sibai_calls_refused_total",
            Counter,
            "INVITEs refused while draining or without journal room.",
            meters.refused_unready.value(),
        ),
        (
            "sibai_calls_overload_total",
            Counter,
            "INVITEs refused above the set rate.",
            meters.refused_overload.value(),
        ),
        (
            "sibai_wrong_passwords_total",
            Counter,
            "Phones' logins with a wrong password or user.",
            meters.wrong_passwords.value(),
        ),
        (
            "sibai_sip_unheard_total",
            Counter,
            "Messages not heard: nobody's who may speak, or beyond an allowance.",
            meters.sip_unheard.value(),
        ),
        ("sibai_sip_bans_total", Counter, "Addresses not heard for a while.", meters.sip_bans.value()),
        (
            "sibai_cold_loads_total",
            Counter,
            "Numbers or tenants loaded for a call.",
            meters.cold_loads.value(),
        ),
        (
            "sibai_forged_callers_total",
            Counter,
            "INVITEs dropped for a 400 number of ours as their caller.",
            meters.forged.value(),
        ),
        (
            "sibai_displays_refused_total",
            Counter,
            "Trunks passed over that may show no number for a call.",
            meters.displays_refused.value(),
        ),
        (
            "sibai_outgoing_refused_total",
            Counter,
            "Legs refused since as many as may have left by trunks today for their enterprise or number.",
            meters.outgoing_refused.value(),
        ),
        (
            "sibai_messages_sent_total",
            Counter,
            "Messages that the gateway took.",
            meters.messages_sent.value(),
        ),
        (
            "sibai_messages_refused_total",
            Counter,
            "Messages refused because their sender is a 400 number.",
            meters.messages_refused.value(),
        ),
        ("sibai_messages_failed_total", Counter, "Messages given up.", meters.messages_failed.value()),
        ("sibai_trunks_down", Gauge, "Trunks out of service by their breaker.", meters.trunks_down.value()),
        (
            "sibai_trunks_unregistered",
            Gauge,
            "Trunks that register and are not registered.",
            meters.trunks_unregistered.value(),
        ),
        (
            "sibai_registers_failed_total",
            Counter,
            "REGISTERs that carriers refused or left unanswered.",
            meters.registers_failed.value(),
        ),
        (
            "sibai_trunks_unproven_total",
            Counter,
            "INVITEs of trunks with a wrong password.",
            meters.trunks_unproven.value(),
        ),
        ("sibai_strangers_total", Counter, "INVITEs from no trunk.", meters.strangers.value()),
        (
            "sibai_emergency_attempts_total",
            Counter,
            "Emergency calls of phones, by trunk tried.",
            meters.emergency_attempts.value(),
        ),
        (
            "sibai_emergency_answered_total",
            Counter,
            "Emergency calls answered.",
            meters.emergency_answered.value(),
        ),
        (
            "sibai_emergency_failed_total",
            Counter,
            "Emergency calls that no trunk took: an alarm.",
            meters.emergency_failed.value(),
        ),
        (
            "sibai_outbound_refused_total",
            Counter,
            "Calls out that phones tried, refused.",
            meters.outbound_refused.value(),
        ),
        (
            "sibai_outbound_as_hotline_total",
            Counter,
            "Calls out as a 400 number that phones tried, refused: an alarm.",
            meters.outbound_as_hotline.value(),
        ),
        ("sibai_sip_received_total", Counter, "Datagrams received.", meters.sip_received.value()),
        ("sibai_sip_dropped_total", Counter, "Datagrams dropped in silence.", meters.sip_dropped.value()),
        ("sibai_sip_refused_total", Counter, "Requests refused unseen by calls.", meters.sip_refused.value()),
        ("sibai_sip_repeated_total", Counter, "Repetitions received.", meters.sip_repeated.value()),
        ("sibai_sip_retransmitted_total", Counter, "Own repetitions.", meters.sip_retransmitted.value()),
        ("sibai_sip_unsent_total", Counter, "Messages that could not be sent.", meters.sip_unsent.value()),
        ("sibai_sip_connections", Gauge, "Streams of SIP that are up.", meters.sip_connections.value()),
        (
            "sibai_sip_connections_refused_total",
            Counter,
            "Streams refused: too many, or too many of one address.",
            meters.sip_connections_refused.value(),
        ),
        ("sibai_sip_legs", Gauge, "SIP legs.", meters.sip_legs.value()),
        ("sibai_sip_transactions", Gauge, "SIP transactions.", meters.sip_transactions.value()),
        ("sibai_sip_timers", Gauge, "SIP timers.", meters.sip_timers.value()),
        ("sibai_media_free_ports", Gauge, "Media ports ready for legs.", meters.free_ports.value()),
        (
            "sibai_media_keys_total",
            Counter,
            "Keys pressed in calls; which ones is kept nowhere.",
            meters.media_keys.value(),
        ),
        ("sibai_media_refused_total", Counter, "Commands media did not take.", meters.media_refused.value()),
        (
            "sibai_recordings_stopped_total",
            Counter,
            "Recordings stopped before their calls.",
            meters.recordings_stopped.value(),
        ),
        ("sibai_unsettled", Gauge, "Ended calls the database does not have yet.", meters.unsettled.value()),
        ("sibai_store_oldest_ms", Gauge, "Age of the oldest of them, milliseconds.", age_ms),
        ("sibai_store_commits_total", Counter, "Batches committed.", meters.store_commits.value()),
        ("sibai_store_calls_total", Counter, "Calls committed.", meters.store_calls.value()),
        (
            "sibai_store_failures_total",
            Counter,
            "Database errors and time-outs.",
            meters.store_failures.value(),
        ),
        (
            "sibai_database_away",
            Gauge,
            "1 while the database does not answer.",
            meters.database_away.is_on().into(),
        ),
        (
            "sibai_calls_set_aside",
            Gauge,
            "Calls whose books the database refuses for good.",
            meters.set_aside.value(),
        ),
        ("sibai_caps_passed_total", Counter, "Monthly caps found passed.", meters.caps_passed.value()),
        ("sibai_clock_steps_total", Counter, "Jumps of the wall clock.", meters.clock_steps.value()),
        ("sibai_traces_dropped_total", Counter, "SIP messages not traced.", meters.traces_dropped.value()),
        ("sibai_draining", Gauge, "1 while no new calls are taken.", meters.draining.is_on().into()),
    ]
}

fn journal(shown: &Shown) -> Vec<Line> {
    use Kind::{Counter, Gauge};
    let progress = shown.journal.get().cloned().unwrap_or_default();
    vec![
        ("sibai_journal_room_bytes", Gauge, "Bytes the ring still takes.", shown.meters.journal_room.value()),
        (
            "sibai_journal_unsynced_bytes",
            Gauge,
            "Bytes a power cut would take.",
            progress.written().saturating_sub(progress.synced()),
        ),
        (
            "sibai_journal_failures_total",
            Counter,
            "Turns whose facts were not written.",
            shown.meters.journal_failures.value(),
        ),
        (
            "sibai_journal_sync_failures_total",
            Counter,
            "Failed calls of fdatasync.",
            progress.sync_failures(),
        ),
        ("sibai_disk_free_bytes", Gauge, "Free room where the data lies.", free_bytes(shown)),
    ]
}

fn free_bytes(shown: &Shown) -> u64 {
    fs::File::open(&shown.data_dir).and_then(|dir| media::sys::map::free_bytes(&dir)).unwrap_or(0)
}

fn post_dial(text: &mut String, meters: &Meters) {
    let name = "sibai_post_dial_ms";
    let _ = writeln!(
        text,
        "# HELP {name} From INVITE to the first word of the target, milliseconds.\n# TYPE {name} histogram"
    );
    let mut sum = 0;
    let classes = meters.post_dial.classes();
    for (class, bound) in classes.iter().zip(POST_DIAL_MS) {
        sum += class;
        let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {sum}");
    }
    sum += classes[POST_DIAL_MS.len()];
    let _ = writeln!(
        text,
        "{name}_bucket{{le=\"+Inf\"}} {sum}\n{name}_sum {}\n{name}_count {sum}",
        meters.post_dial.sum_ms()
    );
}

/// CPU of each named thread, as the kernel counts it (clock ticks of 10 ms).
fn threads(text: &mut String) {
    let name = "sibai_thread_cpu_ms_total";
    head(text, name, Kind::Counter, "CPU time of a thread, user and system.");
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return };
    let mut rows: Vec<(String, String, u64)> = tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let stat = fs::read_to_string(path.join("stat")).ok()?;
            let (before, after) = stat.rsplit_once(") ")?;
            let thread = before.split_once('(')?.1.to_owned();
            let mut fields = after.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
            let ticks = fields.next()?? + fields.next()??;
            Some((thread, path.file_name()?.to_string_lossy().into_owned(), ticks * 10))
        })
        .collect();
    rows.sort();
    for (thread, id, ms) in rows {
        let _ = writeln!(text, "{name}{{thread=\"{thread}\",tid=\"{id}\"}} {ms}");
    }
}
