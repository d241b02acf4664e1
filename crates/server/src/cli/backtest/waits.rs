//! The waits of a back-test in words: what was, what the queue model says of the same calls, and of those of the draft.

use hotline::backtest::queueing::Figures;

use super::super::Context;
use super::super::show::print;
use crate::ops::backtest::{QueueWaits, Wait, Waits, WaitsOf};

pub(super) fn show(context: &Context, found: &Waits) {
    if let Some(calls) = found.too_many {
        return context.say(
            format!("排队模型：企业在这段时间有 {calls} 次来电，太多，请缩短时间"),
            format!(
                "queue model: the enterprise has {calls} calls in the period, too many: name a shorter one"
            ),
        );
    }
    for queue in &found.queues {
        show_queue(context, queue, found.stays_min);
    }
    let notes = [
        (
            found.unknown,
            "次来电是否进入队列不得而知",
            "calls of which it is not known whether they come to a queue",
        ),
        (
            found.beyond,
            "次等待之后的去向没有记录",
            "waits that the log does not follow where the model sends them",
        ),
        (found.left, "次等待无法模拟", "waits that could not be modelled"),
        (
            found.errands_left,
            "次其他来电占用坐席未能计入",
            "times that another call could not keep an agent in the model",
        ),
    ];
    for (count, zh, en) in notes.into_iter().filter(|(count, ..)| *count > 0) {
        context.say(format!("  {count} {zh}"), format!("  {count} {en}"));
    }
    found.listed.iter().for_each(|one| list(context, one));
}

fn show_queue(context: &Context, of: &QueueWaits, stays_min: u64) {
    let QueueWaits { queue, basis, recorded, baseline, draft } = of;
    let (pooled_zh, pooled_en) = match basis.is_pooled {
        true => ("，耐心取自全部队列", ", patience is that of all queues"),
        false => ("", ""),
    };
    context.say(
        format!(
            "队列“{queue}”：模型依据 {} 次等待（其中 {} 次主叫未放弃）、{} 名坐席{pooled_zh}",
            basis.waits, basis.censored, basis.agents
        ),
        format!(
            "queue {queue:?}: the model goes by {} waits ({} of them not given up) and {} agents{pooled_en}",
            basis.waits, basis.censored, basis.agents
        ),
    );
    for (zh, en, figures) in [
        ("实际        ", "was            ", recorded),
        ("模型，原样  ", "model, as it was", baseline),
        ("模型，草稿  ", "model, the draft", draft),
    ] {
        print(&format!("  {} {}", context.pick(zh, en), line(context, figures, stays_min)));
    }
}

fn line(context: &Context, of: &Figures, stays_min: u64) -> String {
    let Figures { calls, answered, abandoned, sent_on, no_place, .. } = of;
    let counts = match context.pick("zh", "en") {
        "zh" => format!("{calls} 次，接听 {answered}，放弃 {abandoned}，转出 {sent_on}，未能进入 {no_place}"),
        _ => format!(
            "{calls} calls, {answered} answered, {abandoned} given up, {sent_on} sent on, {no_place} had no place"
        ),
    };
    let times = match (of.median_ms, of.p90_ms) {
        (Some(median), Some(p90)) => {
            let (median, p90) = (seconds(median), seconds(p90));
            let level = of.level_e2.map_or("–".into(), |e2| format!("{:.1}%", e2 as f64 / 100.0));
            match context.pick("zh", "en") {
                "zh" => format!("；等待中位数 {median}，九成以内 {p90}，服务水平 {level}"),
                _ => format!("; median wait {median}, nine of ten within {p90}, service level {level}"),
            }
        }
        _ => match context.pick("zh", "en") {
            "zh" => format!("；不足 {stays_min} 次等待，不给出时间"),
            _ => format!("; fewer than {stays_min} waits: too few for times"),
        },
    };
    counts + &times
}

fn list(context: &Context, one: &WaitsOf) {
    let number = one.number.map(|number| number.grouped()).unwrap_or_default();
    print(&format!("{} {} {number}", one.call, one.at));
    for (zh, en, waits) in [
        ("实际", "was", &one.recorded),
        ("模型，原样", "model, as it was", &one.baseline),
        ("模型，草稿", "model, the draft", &one.draft),
    ] {
        let told: Vec<String> = waits.iter().map(wait).collect();
        print(&format!("  {}: {}", context.pick(zh, en), told.join(" → ")));
    }
}

fn wait(of: &Wait) -> String {
    let agent = of.agent.as_deref().map(|agent| format!(" ✓ {agent}")).unwrap_or_default();
    format!("{} {} [{}]{agent}", of.queue, seconds(of.wait_ms), of.why.code())
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1_000.0)
}
