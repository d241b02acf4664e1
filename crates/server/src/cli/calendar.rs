//! The yearly table of holidays: shown, taken in, signed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Context, Need, Ran};
use crate::ops::calendar::{self, Import, Imported, Show, Shown, Year};
use crate::ops::{Refusal, Request};

/// The words of `calendar`.
#[derive(Subcommand)]
pub enum Calendar {
    /// 已有的年份；写明年份则列出日期 / the years that are held; with a year its days
    #[command(after_help = "例 / example: sibai calendar show 2026")]
    Show {
        /// 年份 / the year
        year: Option<i32>,
    },
    /// 导入一年的节假日和调休；签名须由数据目录中 calendar.keys 的公钥验证 / takes in a year, signed by a key of calendar.keys
    #[command(after_help = "例 / example: sibai calendar import 2027.txt")]
    Import {
        /// 已签名的文件 / the signed file
        file: PathBuf,
    },
    /// 用自己的私钥签一份表，输出签好的文件 / signs a table with a key of your own and prints it
    Sign(Sign),
}

/// The words of `calendar sign`.
#[derive(Args)]
#[command(after_help = "例 / example:
  openssl genpkey -algorithm ed25519 -outform DER -out key.der
  sibai calendar sign 2027.csv --key key.der > 2027.txt   (公钥印在标准错误 / the public key goes to standard error)")]
pub struct Sign {
    /// 未签名的表 / the table
    file: PathBuf,
    /// Ed25519 私钥，PKCS #8 DER / an Ed25519 key in PKCS #8, DER
    #[arg(long)]
    key: PathBuf,
}

/// `sibai calendar …`
pub fn calendar(context: &Context, words: &Calendar) -> Ran {
    match words {
        Calendar::Show { year } => {
            let shown: Shown = context.ask(Need::Data, &Request::CalendarShow(Show { year: *year }))?;
            context.show(&shown, |shown| show(context, shown))?;
        }
        Calendar::Import { file } => {
            let text = std::fs::read_to_string(file).map_err(|error| Refusal::file(file, error))?;
            let request = Request::CalendarImport(Import { text, by: context.by.clone() });
            let done: Imported = context.ask(Need::Data, &request)?;
            context.show(&done, |done| imported(context, done))?;
        }
        Calendar::Sign(Sign { file, key }) => {
            let text = std::fs::read_to_string(file).map_err(|error| Refusal::file(file, error))?;
            let pkcs8 = std::fs::read(key).map_err(|error| Refusal::file(key, error))?;
            let (signed, public) = calendar::sign(&text, &pkcs8)?;
            print!("{signed}");
            eprintln!("{public}");
        }
    }
    Ok(0)
}

fn imported(context: &Context, done: &Imported) {
    let Year { year, version, signed_by, off, work, .. } = &done.year;
    if done.unchanged {
        return context.say(
            format!("{year} 年版本 {version} 已在用"),
            format!("version {version} of {year} is in force already"),
        );
    }
    context.say(
        format!("{year} 年版本 {version} 已生效：放假 {off} 天，调休上班 {work} 天，签名 {signed_by}"),
        format!("version {version} of {year} is in force: {off} days off, {work} make-up workdays, signed by {signed_by}"),
    );
}

fn show(context: &Context, shown: &Shown) {
    for Year { year, version, source, signed_by, off, work } in &shown.years {
        let from = match version {
            0 => ("随产品".to_owned(), "as shipped".to_owned()),
            _ => (
                format!("版本 {version}，{source}，签名 {signed_by}"),
                format!("version {version}, {source}, signed by {signed_by}"),
            ),
        };
        context.say(
            format!("{year}：放假 {off} 天，调休上班 {work} 天（{}）", from.0),
            format!("{year}: {off} days off, {work} make-up workdays ({})", from.1),
        );
    }
    for (date, kind, name) in &shown.days {
        println!("{date},{kind},{name}");
    }
    if let Some(year) = shown.missing {
        context.say(
            format!("告警：{year} 年的节假日尚未导入"),
            format!("alert: the holidays of {year} are not imported"),
        );
    }
}
