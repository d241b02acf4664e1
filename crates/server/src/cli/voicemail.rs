//! `sibai voicemail`: messages that callers left (rows V06, V07).

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use hotline::{RecordingId, TenantId};
use store::VoicemailState;

use super::pages::pages;
use super::sheet::{Cell, workbook};
use super::show::{length, print};
use super::{Context, Need, Ran};
use crate::ops::voicemails::{Done, Hear, List, Listed};
use crate::ops::{Outcome, Refusal, Request};

/// The words of `voicemail`.
#[derive(Subcommand)]
pub enum Voicemail {
    /// 列出留言 / lists messages
    #[command(
        after_help = "例 / examples:\n  sibai voicemail list huaxin --state new\n  sibai voicemail list huaxin --caller 13800138000\n  sibai voicemail list huaxin --xlsx messages.xlsx"
    )]
    List {
        #[command(flatten)]
        which: Which,
        /// 写成 Excel 文件 / writes the list as a workbook
        #[arg(long, value_name = "FILE")]
        xlsx: Option<PathBuf>,
    },
    /// 一条留言；--out 把声音写成文件，记入审计 / one message; --out takes its sound to a file, and the audit says who listened
    #[command(after_help = "例 / example: sibai voicemail show huaxin 01J9ZK… --out message.wav")]
    Show {
        #[command(flatten)]
        of: Of,
        /// 写入的文件 / the file to write
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// 处理完成，写明姓名 / has done what a message asks for; who, by name
    #[command(after_help = "例 / example: sibai voicemail done huaxin 01J9ZK… --name 王芳")]
    Done {
        #[command(flatten)]
        of: Of,
        /// 姓名 / the name
        #[arg(long)]
        name: String,
    },
    /// 导出清单为表格（CSV）/ the list as a table (CSV)
    #[command(after_help = "例 / example: sibai voicemail export huaxin > messages.csv")]
    Export(Which),
}

/// Which messages.
#[derive(Args)]
pub struct Which {
    /// 企业 / the enterprise
    tenant: String,
    /// 主叫 / the caller
    #[arg(long)]
    caller: Option<String>,
    /// 状态 / the state
    #[arg(long)]
    state: Option<State>,
    /// 起始时间 / left at or after
    #[arg(long)]
    since: Option<String>,
}

/// A state as it is typed.
#[derive(Clone, Copy, ValueEnum)]
pub enum State {
    /// 未听 / nobody listened
    New,
    /// 已听 / somebody listened
    Heard,
    /// 已处理 / done
    Done,
    /// 没有说话 / nothing was said
    Empty,
}

/// One message.
#[derive(Args)]
pub struct Of {
    /// 企业 / the enterprise
    tenant: String,
    /// 留言编号 / its id
    voicemail: String,
}

/// `sibai voicemail …`
pub fn run(context: &Context, words: &Voicemail) -> Ran {
    match words {
        Voicemail::List { which, xlsx } => {
            let found = listed(context, which)?;
            match xlsx {
                Some(file) => write_workbook(context, &found, file)?,
                None => context.show(&found, |found| table(context, found))?,
            }
        }
        Voicemail::Export(which) => {
            let found = listed(context, which)?;
            context.show(&found, |found| print(csv(found).trim_end()))?;
        }
        Voicemail::Show { of, out } => show(context, of, out.as_ref())?,
        Voicemail::Done { of, name } => {
            let (tenant, voicemail) = one(of)?;
            let done = Done { tenant, voicemail, name: name.clone(), by: context.by.clone() };
            let done: Listed = context.ask(Need::Data, &Request::VoicemailDone(done))?;
            context.show(&done, |done| {
                let (id, by) = (done.voicemail, done.done_by.as_deref().unwrap_or_default());
                context
                    .say(format!("留言 {id} 已由 {by} 处理"), format!("the message {id} is done, by {by}"));
            })?;
        }
    }
    Ok(0)
}

fn listed(context: &Context, which: &Which) -> Outcome<Vec<Listed>> {
    let since = which.since.as_deref().map(|text| context.instant(text)).transpose()?;
    let state = which.state.map(|state| match state {
        State::New => VoicemailState::New,
        State::Heard => VoicemailState::Heard,
        State::Done => VoicemailState::Done,
        State::Empty => VoicemailState::Empty,
    });
    let (tenant, caller) = (which.tenant.clone(), which.caller.clone());
    let list = List { tenant, caller, state, since, older_than: None, limit: 0 };
    pages(context, u64::MAX, |limit, last: Option<&Listed>| {
        Request::Voicemails(List { older_than: last.map(|last| last.voicemail), limit, ..list.clone() })
    })
}

fn one(of: &Of) -> Outcome<(TenantId, RecordingId)> {
    let voicemail: RecordingId = of.voicemail.parse().map_err(|_| {
        let id = &of.voicemail;
        Refusal::not_found(format!("没有留言 {id}"), format!("there is no message {id}"))
    })?;
    Ok((TenantId::new(&of.tenant), voicemail))
}

fn show(context: &Context, of: &Of, out: Option<&PathBuf>) -> Outcome<()> {
    let (tenant, voicemail) = one(of)?;
    let by = context.by.clone();
    let to = out.map(std::path::absolute).transpose();
    let to = to.map_err(|error| Refusal::file(out.map_or("".as_ref(), PathBuf::as_path), error))?;
    let message: Listed =
        context.ask(Need::Data, &Request::VoicemailHear(Hear { tenant, voicemail, to, by }))?;
    context.show(&message, |message| table(context, std::slice::from_ref(message)))
}

fn state(state: VoicemailState) -> (&'static str, &'static str) {
    match state {
        VoicemailState::New => ("未听", "new"),
        VoicemailState::Heard => ("已听", "heard"),
        VoicemailState::Done => ("已处理", "done"),
        VoicemailState::Empty => ("没有说话", "empty"),
    }
}

fn table(context: &Context, found: &[Listed]) {
    let row = |one: &Listed| {
        let (zh, en) = state(one.state);
        vec![
            one.voicemail.to_string(),
            one.left_at.clone(),
            one.number.to_string(),
            one.caller.clone(),
            length(one.duration_ms),
            context.pick(zh, en).to_owned(),
            one.done_by.clone().or_else(|| one.heard_by.clone()).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let head = [
        ("编号", "id"),
        ("时间", "left at"),
        ("号码", "number"),
        ("主叫", "caller"),
        ("时长", "length"),
        ("状态", "state"),
        ("谁", "who"),
    ];
    context.table(&head, &rows);
}

/// The same columns in this language; a file that is there already stays as it is.
fn write_workbook(context: &Context, found: &[Listed], file: &Path) -> Outcome<()> {
    let head = [
        ("编号", "id"),
        ("时间", "left at"),
        ("号码", "number"),
        ("主叫", "caller"),
        ("秒", "seconds"),
        ("状态", "state"),
        ("听取人", "heard by"),
        ("处理人", "done by"),
        ("通话", "call"),
    ];
    let head = head.map(|(zh, en)| Cell::Text(context.pick(zh, en).to_owned()));
    let row = |one: &Listed| {
        let (zh, en) = state(one.state);
        let text = |text: &dyn ToString| Cell::Text(text.to_string());
        vec![
            text(&one.voicemail),
            text(&one.left_at),
            text(&one.number),
            text(&one.caller),
            Cell::Number(one.duration_ms.div_ceil(1_000)),
            text(&context.pick(zh, en)),
            text(&one.heard_by.as_deref().unwrap_or_default()),
            text(&one.done_by.as_deref().unwrap_or_default()),
            text(&one.call),
        ]
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head.into()).chain(found.iter().map(row)).collect();
    let octets = workbook(&rows)?;
    let written = std::fs::File::create_new(file).and_then(|mut out| out.write_all(&octets));
    written.map_err(|error| Refusal::file(file, error))?;
    let count = found.len();
    context.say(
        format!("{count} 条留言已写入 {}", file.display()),
        format!("{count} messages are written to {}", file.display()),
    );
    Ok(())
}

/// A table that spreadsheets open; no cell of it is read as a formula (FAULTS P2).
fn csv(found: &[Listed]) -> String {
    let mut text = "id,left_at,number,caller,seconds,state,heard_by,done_by,call\r\n".to_owned();
    for one in found {
        let seconds = one.duration_ms.div_ceil(1_000).to_string();
        let cells = [
            one.voicemail.to_string(),
            one.left_at.clone(),
            one.number.to_string(),
            one.caller.clone(),
            seconds,
            state(one.state).1.to_owned(),
            one.heard_by.clone().unwrap_or_default(),
            one.done_by.clone().unwrap_or_default(),
            one.call.to_string(),
        ];
        text += &(cells.map(|text| cell(&text)).join(",") + "\r\n");
    }
    text
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{}", if formula { "'" } else { "" }, text.replace('"', "\"\""));
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_p2_no_name_becomes_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("-cmd\"x"), "\"'-cmd\"\"x\"");
        assert_eq!(cell("王芳"), "\"王芳\"");
    }
}
