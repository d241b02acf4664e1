//! The one table of a document's fields: the reader refuses what is not in it, and a test holds it against the
//! published schema. It knows names, not values.

/// One kind of map in a document, by its name under `$defs` of the schema (`document` is the schema's own root).
#[derive(Debug)]
pub struct Shape {
    /// The name of its definition in the schema.
    pub name: &'static str,
    /// Fields that may stand in it.
    pub fields: &'static [Field],
    /// Fields that a later version brings, refused as `not_available`.
    pub later: &'static [&'static str],
}

/// One field of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
}

const fn must(name: &'static str) -> Field {
    Field { name, required: true }
}

const fn may(name: &'static str) -> Field {
    Field { name, required: false }
}

pub(super) const DOCUMENT: Shape = Shape {
    name: "document",
    fields: &[
        must("sibai"),
        must("enterprise"),
        must("plan"),
        may("account"),
        may("balance_end"),
        may("charging_from"),
        may("limits"),
        may("schedules"),
        may("regions"),
        may("callers"),
        may("crisis"),
        may("crisis_by_two"),
        may("alarm"),
        may("frozen"),
        may("tell"),
        may("extensions"),
        may("flows"),
        may("capacity"),
        may("shifts"),
        may("agents"),
        may("queues"),
        must("numbers"),
    ],
    later: &["users", "calendars", "prompts", "webhooks", "contract", "retention", "messages"],
};

pub(super) const ENTERPRISE: Shape = Shape {
    name: "enterprise",
    fields: &[must("id"), must("name")],
    later: &["licence", "contact", "trade", "address"],
};

pub(super) const LIMITS: Shape = Shape {
    name: "limits",
    fields: &[
        may("concurrent_calls"),
        may("concurrent_calls_per_caller"),
        may("calls_per_minute"),
        may("calls_per_minute_per_caller"),
        may("outgoing_per_day"),
        may("month_cost"),
        may("month_calls"),
        may("lifted_month"),
        may("count_unanswered"),
    ],
    later: &["day_cost", "day_calls", "month_minutes", "calls_per_second", "balance_alert", "notify"],
};

pub(super) const ALARM: Shape = Shape {
    name: "alarm",
    fields: &[
        may("cost_times"),
        may("cost_floor"),
        may("normal_days"),
        may("binding_changes"),
        may("binding_minutes"),
        may("outgoing_per_hour"),
        may("freeze"),
    ],
    later: &["login_countries", "notify"],
};

pub(super) const TELL: Shape =
    Shape { name: "tell", fields: &[may("alerts"), may("agents")], later: &["webhooks", "language"] };

pub(super) const TELL_OF_CALLS: Shape =
    Shape { name: "tell_of_calls", fields: &[may("missed"), may("voicemail")], later: &["language", "text"] };

pub(super) const SCHEDULE: Shape = Shape {
    name: "schedule",
    fields: &[must("name"), must("hours"), may("holidays"), may("dates")],
    later: &["calendar", "time_zone"],
};

pub(super) const DATE_HOURS: Shape =
    Shape { name: "date_hours", fields: &[may("name"), must("hours")], later: &[] };

pub(super) const REGIONS: Shape =
    Shape { name: "regions", fields: &[must("name"), must("includes")], later: &["excludes"] };

pub(super) const CALLERS: Shape = Shape {
    name: "callers",
    fields: &[must("name"), must("includes"), may("priority")],
    later: &["excludes", "file", "expires", "tag"],
};

pub(super) const NUMBER: Shape = Shape {
    name: "number",
    fields: &[
        must("number"),
        may("enabled"),
        may("destinations"),
        may("groups"),
        may("rules"),
        may("otherwise"),
        may("flow"),
        may("forwards"),
        may("finally"),
        may("memory"),
        may("block"),
        may("block_answer"),
        may("allow"),
        may("region_barring"),
        may("password"),
        may("nuisance"),
        may("limits"),
        may("ringback"),
        may("recording"),
        may("tell"),
        may("talk_minutes_max"),
        may("talk_seconds_max"),
    ],
    later: &[
        "caller_affinity",
        "calendar",
        "voicemail",
        "satisfaction",
        "menus",
        "queues",
        "transfer",
        "hold_music",
        "languages",
        "shown_caller",
    ],
};

pub(super) const DESTINATION: Shape = Shape {
    name: "destination",
    fields: &[
        must("name"),
        may("kind"),
        must("number"),
        may("enabled"),
        may("lines"),
        may("ring_seconds"),
        may("duty"),
        may("ringback"),
        may("confirm"),
        may("confirm_seconds"),
    ],
    later: &["whisper", "proof", "shown_caller", "trunk"],
};

pub(super) const EXTENSION: Shape = Shape {
    name: "extension",
    fields: &[
        must("name"),
        must("number"),
        may("password"),
        may("password_hash"),
        may("srtp"),
        may("refer"),
        may("ringback"),
    ],
    later: &["agent", "voicemail", "shown_caller"],
};

pub(super) const AGENT: Shape = Shape {
    name: "agent",
    fields: &[
        must("number"),
        must("name"),
        may("extension"),
        may("mobile"),
        may("confirm"),
        may("confirm_seconds"),
        may("skills"),
        may("capacity"),
        may("shifts"),
    ],
    later: &["roles"],
};

pub(super) const SHIFT: Shape = Shape {
    name: "shift",
    fields: &[
        must("name"),
        must("hours"),
        may("holidays"),
        may("dates"),
        may("breaks"),
        may("grace_minutes"),
    ],
    later: &["calendar", "time_zone", "agents"],
};

pub(super) const AGENT_SHIFT: Shape = Shape {
    name: "agent_shift",
    fields: &[must("shift"), may("from"), may("until")],
    later: &["every_weeks"],
};

pub(super) const CAPACITY: Shape = Shape {
    name: "capacity",
    fields: &[may("agent"), may("voice"), may("text"), may("during_call")],
    later: &["email", "video"],
};

pub(super) const QUEUE: Shape = Shape {
    name: "queue",
    fields: &[
        must("name"),
        may("strategy"),
        must("members"),
        may("weights"),
        may("patience_seconds"),
        may("size_max"),
        may("ring_seconds"),
        may("wrap_up"),
        may("misses_max"),
        may("join_empty"),
        may("leave_empty"),
        may("needs"),
        may("talk_seconds"),
        may("announce"),
        may("music"),
        may("answer"),
        may("say_agent"),
        may("satisfaction"),
        may("spill"),
        may("callback"),
        may("results"),
        may("service_level"),
        may("call_weight"),
    ],
    later: &["hours"],
};

pub(super) const SERVICE_LEVEL: Shape = Shape {
    name: "service_level",
    fields: &[
        may("template"),
        may("percent"),
        may("seconds"),
        may("short_abandons"),
        may("short_abandon_seconds"),
        may("abandons"),
    ],
    later: &["notify"],
};

pub(super) const SPILL: Shape = Shape {
    name: "spill",
    fields: &[may("wait_seconds"), may("waiting"), may("level_percent"), may("level_seconds")],
    later: &["longest_wait", "agents"],
};

pub(super) const CALLBACK_OFFER: Shape = Shape {
    name: "callback_offer",
    fields: &[
        must("after_seconds"),
        may("prompt"),
        may("hours"),
        may("tries"),
        may("retry_seconds"),
        may("ring_seconds"),
    ],
    later: &["caller_first"],
};

pub(super) const RESULTS: Shape = Shape {
    name: "results",
    fields: &[must("codes"), may("default"), may("mandatory"), may("limit_seconds")],
    later: &["many"],
};

pub(super) const RESULT_CODE: Shape =
    Shape { name: "result_code", fields: &[must("code"), must("name"), may("codes")], later: &[] };

pub(super) const SATISFACTION: Shape = Shape {
    name: "satisfaction",
    fields: &[
        may("prompt"),
        may("wrong_prompt"),
        may("thanks"),
        may("tries"),
        may("timeout_seconds"),
        may("talk_seconds_min"),
        may("pause_hours"),
        may("sms"),
    ],
    later: &["scale", "text"],
};

pub(super) const WRAP_UP: Shape =
    Shape { name: "wrap_up", fields: &[must("mode"), may("seconds")], later: &[] };

pub(super) const NEEDS: Shape =
    Shape { name: "needs", fields: &[must("skills"), may("seconds")], later: &[] };

pub(super) const ANNOUNCE: Shape = Shape {
    name: "announce",
    fields: &[must("every_seconds"), may("position_max"), may("minutes_max")],
    later: &["prompt", "text"],
};

pub(super) const GROUP: Shape = Shape {
    name: "group",
    fields: &[
        must("name"),
        may("strategy"),
        must("members"),
        may("weights"),
        may("ringback"),
        may("confirm"),
        may("confirm_seconds"),
    ],
    later: &["memory", "caller_affinity", "patience_seconds"],
};

pub(super) const RULE: Shape =
    Shape { name: "rule", fields: &[must("name"), may("when"), must("then")], later: &["enabled", "valid"] };

pub(super) const WHEN: Shape = Shape {
    name: "when",
    fields: &[may("open"), may("closed"), may("from"), may("caller"), may("area_code"), may("prefix")],
    later: &["key", "holiday", "date", "language", "not", "any", "carrier", "load"],
};

pub(super) const THEN: Shape = Shape {
    name: "then",
    fields: &[
        may("play"),
        may("answer"),
        may("then"),
        may("dial"),
        may("ringback"),
        may("percentage"),
        may("mode"),
        may("hang_up"),
        may("queue"),
        may("full"),
        may("empty"),
        may("timeout"),
        may("voicemail"),
        may("seconds_max"),
    ],
    later: &["menu", "http", "transfer", "callback", "collect", "go_to", "say"],
};

pub(super) const FORWARDS: Shape = Shape {
    name: "forwards",
    fields: &[may("on_busy"), may("on_no_answer")],
    later: &["always", "on_unreachable", "on_closed"],
};

pub(super) const FINALLY: Shape =
    Shape { name: "finally", fields: &[may("busy"), may("no_answer")], later: &["closed", "unreachable"] };

pub(super) const CRISIS: Shape = Shape {
    name: "crisis",
    fields: &[must("until"), may("play"), may("then"), may("dial")],
    later: &["queue", "voicemail", "menu"],
};

pub(super) const MEMORY: Shape =
    Shape { name: "memory", fields: &[may("enabled"), may("hours"), may("scope")], later: &["by_agent"] };

pub(super) const RECORDING: Shape = Shape {
    name: "recording",
    fields: &[may("enabled"), may("notice"), may("pause_seconds_max"), may("consent")],
    later: &["keep_days", "format", "percent"],
};

pub(super) const BLOCK_ENTRY: Shape = Shape {
    name: "block_entry",
    fields: &[must("caller"), may("until"), may("by"), may("note")],
    later: &[],
};

pub(super) const REGION_BARRING: Shape = Shape {
    name: "region_barring",
    fields: &[must("mode"), must("regions"), may("unknown"), may("prompt")],
    later: &[],
};

pub(super) const PASSWORD: Shape = Shape {
    name: "password",
    fields: &[
        may("prompt"),
        may("wrong"),
        must("passwords"),
        may("tries"),
        may("first_key_seconds"),
        may("key_seconds"),
        may("lock_after"),
        may("lock_minutes"),
    ],
    later: &[],
};

pub(super) const NAMED_CODE: Shape =
    Shape { name: "named_code", fields: &[must("name"), must("code")], later: &["expires"] };

pub(super) const NUISANCE: Shape = Shape {
    name: "nuisance",
    fields: &[may("challenge"), may("block"), may("window_minutes"), may("short_seconds"), may("suspects")],
    later: &[],
};

pub(super) const FLOW: Shape = Shape {
    name: "flow",
    fields: &[must("sibai_flow"), must("name"), must("start"), must("steps"), may("tests")],
    later: &["variables", "languages"],
};

pub(super) const FLOW_TEST: Shape = Shape {
    name: "test",
    fields: &[
        must("name"),
        must("from"),
        must("at"),
        may("keys"),
        may("busy"),
        may("no_answer"),
        may("rejects"),
        may("http"),
        may("agents"),
        may("waiting"),
        must("expect"),
    ],
    later: &["number"],
};

pub(super) const EXPECT: Shape = Shape {
    name: "expect",
    fields: &[may("path"), may("answered_by"), may("cause")],
    later: &["prompts", "waits"],
};

pub(super) const STEP_PLAY: Shape = Shape {
    name: "play",
    fields: &[must("id"), must("kind"), must("prompt"), may("answer"), must("exits")],
    later: &["text"],
};

pub(super) const STEP_ASK: Shape = Shape {
    name: "menu",
    fields: &[
        must("id"),
        must("kind"),
        must("prompt"),
        may("wrong_prompt"),
        may("timeout_prompt"),
        may("tries"),
        may("timeout_seconds"),
        may("barge_in"),
        may("back"),
        may("repeat"),
        may("variable"),
        must("exits"),
    ],
    later: &["text", "speech"],
};

pub(super) const STEP_COLLECT: Shape = Shape {
    name: "collect",
    fields: &[
        must("id"),
        must("kind"),
        must("prompt"),
        may("wrong_prompt"),
        may("timeout_prompt"),
        may("tries"),
        may("timeout_seconds"),
        may("key_seconds"),
        may("barge_in"),
        may("digits_min"),
        may("digits_max"),
        must("variable"),
        may("secret"),
        must("exits"),
    ],
    later: &["text", "speech"],
};

pub(super) const STEP_EXTENSION: Shape = Shape {
    name: "extension",
    fields: &[
        must("id"),
        must("kind"),
        must("prompt"),
        may("wrong_prompt"),
        may("timeout_prompt"),
        may("tries"),
        may("timeout_seconds"),
        may("key_seconds"),
        may("barge_in"),
        may("variable"),
        must("exits"),
    ],
    later: &["text", "speech"],
};

pub(super) const STEP_PASSWORD: Shape = Shape {
    name: "password",
    fields: &[
        must("id"),
        must("kind"),
        must("prompt"),
        may("wrong_prompt"),
        may("timeout_prompt"),
        may("tries"),
        may("timeout_seconds"),
        may("key_seconds"),
        may("barge_in"),
        must("passwords"),
        must("exits"),
    ],
    later: &["text", "lock_after"],
};

pub(super) const STEP_SET: Shape = Shape {
    name: "set",
    fields: &[
        must("id"),
        must("kind"),
        must("variable"),
        may("value"),
        may("from"),
        may("fact"),
        must("exits"),
    ],
    later: &[],
};

pub(super) const STEP_CONDITION: Shape = Shape {
    name: "condition",
    fields: &[
        must("id"),
        must("kind"),
        may("variable"),
        may("fact"),
        may("is"),
        may("begins"),
        must("exits"),
    ],
    later: &["above", "below"],
};

pub(super) const STEP_HOURS: Shape =
    Shape { name: "hours", fields: &[must("id"), must("kind"), must("schedule"), must("exits")], later: &[] };

pub(super) const STEP_REGION: Shape =
    Shape { name: "region", fields: &[must("id"), must("kind"), must("regions"), must("exits")], later: &[] };

pub(super) const STEP_CALLERS: Shape = Shape {
    name: "callers",
    fields: &[must("id"), must("kind"), must("callers"), must("exits")],
    later: &[],
};

pub(super) const STEP_PERCENTAGE: Shape = Shape {
    name: "percentage",
    fields: &[must("id"), must("kind"), must("shares"), may("mode"), may("sticky"), must("exits")],
    later: &[],
};

pub(super) const STEP_DIAL: Shape = Shape {
    name: "dial",
    fields: &[must("id"), must("kind"), must("target"), may("ringback"), may("exits")],
    later: &["ring_seconds", "whisper", "prompt"],
};

pub(super) const STEP_FLOW: Shape =
    Shape { name: "flow_step", fields: &[must("id"), must("kind"), must("flow"), may("exits")], later: &[] };

pub(super) const STEP_HANG_UP: Shape =
    Shape { name: "hang_up", fields: &[must("id"), must("kind"), may("prompt")], later: &[] };

pub(super) const STEP_BUSY: Shape = Shape { name: "busy", fields: &[must("id"), must("kind")], later: &[] };

pub(super) const STEP_QUEUE: Shape = Shape {
    name: "queue_step",
    fields: &[must("id"), must("kind"), must("queue"), may("around_the_clock"), must("exits")],
    later: &["priority", "skills"],
};

pub(super) const STEP_VOICEMAIL: Shape = Shape {
    name: "voicemail",
    fields: &[
        must("id"),
        must("kind"),
        may("prompt"),
        may("seconds_max"),
        may("silence_seconds"),
        may("exits"),
    ],
    later: &["text", "mailbox"],
};

pub(super) const STEP_SMS: Shape = Shape {
    name: "sms",
    fields: &[must("id"), must("kind"), may("to"), must("text"), must("exits")],
    later: &["template"],
};

pub(super) const STEP_NOTICE: Shape = Shape {
    name: "notice",
    fields: &[must("id"), must("kind"), must("prompt"), may("of"), may("answer"), must("exits")],
    later: &["text"],
};

pub(super) const STEP_SATISFACTION: Shape = Shape {
    name: "satisfaction_step",
    fields: &[
        must("id"),
        must("kind"),
        may("prompt"),
        may("wrong_prompt"),
        may("thanks"),
        may("tries"),
        may("timeout_seconds"),
        may("talk_seconds_min"),
        may("pause_hours"),
        may("sms"),
        may("exits"),
    ],
    later: &["scale", "text"],
};

pub(super) const STEP_HTTP: Shape = Shape {
    name: "http",
    fields: &[
        must("id"),
        must("kind"),
        may("method"),
        must("url"),
        may("headers"),
        may("body"),
        may("limit_ms"),
        may("take"),
        may("wait"),
        must("exits"),
    ],
    later: &["form", "retries"],
};

pub(super) const STEP_CALLBACK: Shape = Shape {
    name: "callback",
    fields: &[
        must("id"),
        must("kind"),
        may("own"),
        may("confirm"),
        may("prompt"),
        may("wrong_prompt"),
        may("accepted"),
        may("tries"),
        may("timeout_seconds"),
        must("exits"),
    ],
    later: &["hours", "text"],
};

/// Every shape of a flow's document, by its name under `$defs` of its own schema (`flow` is that schema's root).
pub const FLOW_SHAPES: [&Shape; 26] = [
    &FLOW,
    &FLOW_TEST,
    &EXPECT,
    &STEP_PLAY,
    &STEP_ASK,
    &STEP_COLLECT,
    &STEP_EXTENSION,
    &STEP_PASSWORD,
    &NAMED_CODE,
    &STEP_SET,
    &STEP_CONDITION,
    &STEP_HOURS,
    &STEP_REGION,
    &STEP_CALLERS,
    &STEP_PERCENTAGE,
    &STEP_DIAL,
    &STEP_FLOW,
    &STEP_HANG_UP,
    &STEP_BUSY,
    &STEP_QUEUE,
    &STEP_NOTICE,
    &STEP_VOICEMAIL,
    &STEP_SMS,
    &STEP_SATISFACTION,
    &STEP_HTTP,
    &STEP_CALLBACK,
];

/// Every shape of a document.
pub const SHAPES: [&Shape; 41] = [
    &DOCUMENT,
    &ENTERPRISE,
    &LIMITS,
    &ALARM,
    &TELL,
    &TELL_OF_CALLS,
    &SCHEDULE,
    &DATE_HOURS,
    &REGIONS,
    &CALLERS,
    &NUMBER,
    &EXTENSION,
    &SHIFT,
    &AGENT,
    &AGENT_SHIFT,
    &CAPACITY,
    &QUEUE,
    &WRAP_UP,
    &NEEDS,
    &ANNOUNCE,
    &SATISFACTION,
    &SPILL,
    &CALLBACK_OFFER,
    &RESULTS,
    &RESULT_CODE,
    &SERVICE_LEVEL,
    &DESTINATION,
    &GROUP,
    &RULE,
    &WHEN,
    &THEN,
    &FORWARDS,
    &FINALLY,
    &CRISIS,
    &MEMORY,
    &RECORDING,
    &BLOCK_ENTRY,
    &REGION_BARRING,
    &PASSWORD,
    &NAMED_CODE,
    &NUISANCE,
];

impl Shape {
    /// A field that is written nearly like this one: one letter more, less or other, or in another order.
    pub(super) fn near(&self, written: &str) -> Option<&'static str> {
        self.fields.iter().map(|field| field.name).find(|name| near(name, written))
    }
}

/// Whether two names differ by one slip of the fingers (one letter changed, added, left out, or two neighbours
/// swapped), or only by case and dashes.
fn near(name: &str, written: &str) -> bool {
    let (name, written): (Vec<char>, Vec<char>) =
        (name.chars().collect(), written.to_lowercase().replace('-', "_").chars().collect());
    let same = name.iter().zip(&written).take_while(|(a, b)| a == b).count();
    let (rest, other) = (&name[same..], &written[same..]);
    let swapped = rest.len() >= 2 && other.len() >= 2 && rest[0] == other[1] && rest[1] == other[0];
    match (rest, other) {
        ([], []) => true,
        ([_, rest @ ..], [_, other @ ..]) if rest == other => true,
        ([_, rest @ ..], other) if rest == other => true,
        (rest, [_, other @ ..]) if rest == other => true,
        _ => swapped && rest[2..] == other[2..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_recognised_and_a_stranger_is_not() {
        for written in ["destination", "destinatoins", "Destinations", "destinationss", "dextinations"] {
            assert_eq!(NUMBER.near(written), Some("destinations"), "{written}");
        }
        for written in ["", "targets", "dests", "号码"] {
            assert_eq!(NUMBER.near(written), None, "{written}");
        }
        assert_eq!(DESTINATION.near("ring-seconds"), Some("ring_seconds"));
    }
}
