//! Documents of enterprises: in, out, listed.

use std::path::PathBuf;

use clap::Args;
use hotline::TenantId;

use super::pages::pages;
use super::show::{print, print_raw};
use super::{Client, Context, Need, Ran};
use crate::ops::enterprises::{self, Difference, ImportOutcome, Imported, Listed, Sort, Written};
use crate::ops::{Refusal, Request};

/// The words of `import`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai import examples/huaxin.yaml --apply")]
pub struct Import {
    /// 企业文件（YAML 或 JSON；- 为标准输入）/ the document (YAML or JSON; - is standard input)
    file: PathBuf,
    /// 提交为新版本；不加只检查 / commit it as the next version; a dry run without
    #[arg(long)]
    apply: bool,
}

/// `sibai import`
pub fn import(context: &Context, words: &Import) -> Ran {
    let text = context.read_file(&words.file)?;
    let request = Request::Import(enterprises::Import { text, apply: words.apply, by: context.by.clone() });
    let imported: Imported = context.ask(Need::MakeData, &request)?;
    context.show(&imported, |imported| show_import(context, imported))?;
    Ok(0)
}

fn show_import(context: &Context, imported: &Imported) {
    for warning in &imported.warnings {
        let text = warning.text(context.language);
        context.say(
            format!("提醒 第 {} 行：{}：{text} [{}]", warning.line, warning.path, warning.code),
            format!("warning line {}: {}: {text} [{}]", warning.line, warning.path, warning.code),
        );
    }
    show_differences(context, &imported.differences);
    show_outcome(context, imported);
}

/// What differs, a line each.
pub fn show_differences(context: &Context, differences: &[Difference]) {
    for one in differences {
        let (was, becomes) = (one.was.as_deref().unwrap_or(""), one.becomes.as_deref().unwrap_or(""));
        print(&match one.sort {
            Sort::Added => format!("+ {}: {becomes}", one.path),
            Sort::Removed => format!("- {}: {was}", one.path),
            Sort::Changed => format!("~ {}: {was} → {becomes}", one.path),
            Sort::Reordered => format!("~ {}: {}", one.path, context.pick("顺序改变", "another order")),
        });
    }
}

fn show_outcome(context: &Context, imported: &Imported) {
    let Imported { tenant, name, version, numbers, .. } = imported;
    match imported.outcome {
        ImportOutcome::Unchanged => context.say(
            format!("{tenant}（{name}）没有变化，仍是版本 {version}"),
            format!("{tenant} ({name}) is unchanged, still version {version}"),
        ),
        ImportOutcome::WouldChange => {
            context.say(
                format!(
                    "{tenant}（{name}）：{} 处变化，{numbers} 个号码，现为版本 {version}",
                    imported.differences.len()
                ),
                format!(
                    "{tenant} ({name}): {} differences, {numbers} numbers, now version {version}",
                    imported.differences.len()
                ),
            );
            super::pure::dry_run(context, false);
        }
        ImportOutcome::Applied => context.say(
            format!("{tenant}（{name}）已保存为版本 {version}，{numbers} 个号码，下一个来电起生效"),
            format!(
                "{tenant} ({name}) is stored as version {version}, {numbers} numbers, from the next call on"
            ),
        ),
    }
}

/// The words of `export`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai export huaxin --out huaxin.yaml")]
pub struct Export {
    /// 企业 / the enterprise's id
    tenant: String,
    /// 写入文件，默认输出到屏幕 / write to a file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// 旧版本 / an old version
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// `sibai export`
pub fn export(context: &Context, words: &Export) -> Ran {
    let request =
        Request::Export(enterprises::Export { tenant: TenantId::new(&words.tenant), version: words.version });
    let exported: enterprises::Exported = context.ask(Need::Data, &request)?;
    if let Some(file) = &words.out {
        std::fs::write(file, &exported.yaml).map_err(|error| Refusal::file(file, error))?;
    }
    context.show(&exported, |exported| match &words.out {
        None => print_raw(&exported.yaml),
        Some(file) => context.say(
            format!("{} 版本 {} 已写入 {}", exported.tenant, exported.version, file.display()),
            format!("{} version {} is written to {}", exported.tenant, exported.version, file.display()),
        ),
    })?;
    Ok(0)
}

/// The words of `versions`.
#[derive(Args)]
#[command(after_help = "例 / example: sibai versions huaxin && sibai export huaxin --version 3")]
pub struct Versions {
    /// 企业 / the enterprise's id
    tenant: String,
}

/// `sibai versions`
pub fn versions(context: &Context, words: &Versions) -> Ran {
    let all: Vec<Written> = pages(context, u64::MAX, |limit, last: Option<&Written>| {
        let (tenant, before) = (TenantId::new(&words.tenant), last.map(|last| last.version));
        Request::DocumentVersions(enterprises::Versions { tenant, before, limit })
    })?;
    context.show(&all, |all| {
        let row = |one: &Written| vec![one.version.to_string(), one.by.clone(), one.at.clone()];
        let head = [("版本", "version"), ("谁", "by"), ("时间", "at")];
        context.table(&head, &all.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}

/// `sibai enterprises`
pub fn list(context: &Context) -> Ran {
    const PAGE: u32 = 1_000;
    let client = Client::open(&context.place, Need::Data)?;
    let mut all: Vec<Listed> = Vec::new();
    loop {
        let after = all.last().map(|one| one.tenant.clone());
        let page: Vec<Listed> =
            client.ask(&Request::Enterprises(enterprises::Page { after, limit: PAGE }))?;
        let last = page.len() < PAGE as usize;
        all.extend(page);
        if last {
            break;
        }
    }
    context.show(&all, |all| {
        let rows: Vec<_> =
            all.iter().map(|one| vec![one.tenant.to_string(), one.version.to_string()]).collect();
        context.table(&[("企业", "enterprise"), ("版本", "version")], &rows);
    })?;
    Ok(0)
}
