//! The command line: words in, an operation asked, its answer shown. With a server running it asks that one over the
//! socket in the data directory; without one it opens the database itself. Refuses to decide anything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::ops::Outcome;
use crate::ops::prompts::decoding;

mod account;
mod agents;
mod alerts;
mod attendance;
mod backtest;
mod barring;
mod calendar;
mod callback;
mod calls;
mod carrier;
mod crisis;
mod demo;
mod enterprise;
mod explain;
mod far;
mod flow;
mod keep;
mod live;
mod message;
mod pages;
mod phone;
mod place;
mod prompt;
mod provider;
mod pure;
mod quality;
mod queue;
mod rating;
mod recording;
mod result;
mod say;
mod sheet;
mod show;
mod trial;
mod voicemail;

pub use place::{Client, Need, Place};
pub use show::Context;

/// 四百：自建的 400 热线平台 / Sibai: a self-hosted 400-hotline platform.
#[derive(Parser)]
#[command(name = "sibai", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    /// 输出 JSON（一行一个对象）/ print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// 提示的语言：zh 或 en；默认看 LANG / language of messages; by default from LANG
    #[arg(long, global = true, value_name = "zh|en")]
    lang: Option<show::Lang>,
    /// 数据目录 / the data directory
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// 配置文件 / the configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// 写入审计记录的操作人，默认为系统用户 / who makes a change, for the audit; by default the system's user
    #[arg(long, global = true, value_name = "NAME")]
    by: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "退出码 / exit codes:
  0 成功 / done    1 被拒绝或失败 / refused or failed    2 用法错误 / usage
  3 缺少数据或服务 / data or server missing    4 没有找到 / not found    5 与现有内容冲突 / conflict";

#[derive(Subcommand)]
enum Command {
    /// 运行平台，直到收到信号 / runs the platform until a signal ends it
    #[command(after_help = "例 / example: sibai serve --config sibai.toml")]
    Serve,
    /// 运行带模拟世界的演示 / runs the platform with a simulated world around it
    Demo(demo::Demo),
    /// 打一个真实的 SIP 电话并逐步说明 / places a real SIP call and tells each step
    Call(far::Call),
    /// 压测：主叫和被叫都由本进程扮演 / makes load, playing caller and callee
    Load(far::Load),
    /// 一部注册到平台的 SIP 话机 / a SIP phone that registers at the platform
    Phone(phone::Phone),
    /// 不打电话，说明一个来电会怎样处理 / says what would happen to a call, and why
    Explain(explain::Words),
    /// 用一段时间的真实来电试走流程草稿，说明会有什么不同 / tries a flow on the calls of a period and says what would change
    Backtest(backtest::Words),
    /// 按资费计算费用，列出算式 / prices a call and shows the sum
    Rate(pure::Rate),
    /// 号码的等级和号段 / class and segment of a 400 number
    Number(pure::Number),
    /// 主叫的归属地 / where a caller is from
    Region(pure::Region),
    /// 导入归属地数据或修正表 / imports region data, or own rows over it
    RegionImport(pure::RegionImport),
    /// 企业文件或流程的 JSON schema，或接口的说明 / the JSON schema of an enterprise's document or of a flow, or the API's
    #[command(after_help = "例 / examples:
  sibai schema > enterprise.schema.json
  sibai schema --flow > flow.schema.json
  sibai schema --api > openapi.json")]
    Schema(pure::Schema),
    /// 导入一个企业的全部配置；不加 --apply 只检查 / imports an enterprise's document; a dry run without --apply
    Import(enterprise::Import),
    /// 导出一个企业的全部配置 / exports an enterprise's document
    Export(enterprise::Export),
    /// 列出企业文件的版本 / lists the versions of an enterprise's document
    Versions(enterprise::Versions),
    /// 企业列表 / lists enterprises
    #[command(after_help = "例 / example: sibai enterprises")]
    Enterprises,
    /// 登录账号 / people who sign in
    #[command(subcommand)]
    Account(account::Account),
    /// 黑名单：阻止某个主叫 / puts a caller on the block list
    Block(barring::Words),
    /// 白名单：放行某个主叫 / puts a caller on the white list
    Allow(barring::Words),
    /// 预存话费入账 / posts money that an enterprise paid ahead
    TopUp(provider::TopUp),
    /// 提高号码的绑定数上限；不带参数列出申请 / raises a number's limit; without arguments lists requests
    Limit(provider::Limit),
    /// 企业所在运营商的绑定规定 / the terms of an enterprise's carrier for its bound numbers
    Carrier(carrier::Words),
    /// 告警：月上限、异常话费、批量更改绑定；冻结 / alerts: caps of a month, odd charges, bulk changes of bindings; freezing
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// 危机模式：全部号码前的公告或改呼 / crisis mode: a notice or one phone in front of all numbers
    #[command(subcommand)]
    Crisis(crisis::Crisis),
    /// 录音：期限、法律保留、清理 / recordings: how long they are kept, holds, deletion
    #[command(subcommand)]
    Recording(recording::Recording),
    /// 提示音：上传、审核、试听 / prompts: taken in, reviewed, listened to
    #[command(subcommand)]
    Prompt(prompt::Prompt),
    /// Looks at a stranger's sound file, for `prompt add`.
    #[command(name = decoding::WORD, hide = true)]
    DecodePrompt,
    /// 流程：草稿、检查、测试、发布、回退 / flows: draft, checks, saved cases, publication, roll-back
    #[command(subcommand)]
    Flow(flow::Flow),
    /// 节假日和调休年表 / the yearly table of holidays and make-up workdays
    #[command(subcommand)]
    Calendar(calendar::Calendar),
    /// 坐席：签入、签出、小休、就绪，按状态列出 / agents: log in and out, rest, ready, list by state
    #[command(subcommand)]
    Agent(agents::Agent),
    /// 队列：等待的来电和坐席状态 / queues: who waits, and agents by state
    #[command(subcommand)]
    Queue(queue::Queue),
    /// 进行中的通话：列出、保持、转接、咨询 / calls that are up: list, hold, transfer, consult
    #[command(subcommand)]
    Live(live::Live),
    /// 短信和邮件：等待、已发送、放弃、不允许 / messages: waiting, sent, given up, refused
    #[command(subcommand)]
    Message(message::Message),
    /// 留言：列出、收听、处理、导出 / messages that callers left: list, listen, done, export
    #[command(subcommand)]
    Voicemail(voicemail::Voicemail),
    /// 满意度：每次评分，各坐席和队列的应答率和平均分 / ratings: each one, rate of answers and mean by agent and queue
    #[command(subcommand)]
    Rating(rating::Rating),
    /// 处理结果：每个通话，各队列各结果的通话数 / results of handling: each call, and calls by queue and result
    #[command(subcommand)]
    Result(result::Outcomes),
    /// 质检：质检表、抽样、评分、申诉、校准、报表 / quality scoring: forms, samples, evaluations, appeals, calibration, reports
    #[command(subcommand)]
    Quality(quality::Quality),
    /// 回电请求：列出、已回电、取消，禁拨名单 / requests for a callback: list, done, cancel; the stop list
    #[command(subcommand)]
    Callback(callback::Callback),
    /// 忘记一个主叫：谁接听过、输错的密码、骚扰评分都不再记得 / forgets a caller: who answered, wrong passwords, nuisance score
    Forget(provider::Forget),
    /// 重新计费，差额作调整分录 / rates calls again; differences become adjustment entries
    ReRate(provider::ReRate),
    /// 变更审计 / who changed what
    Audit(provider::Audit),
    /// 中继 / carrier trunks
    #[command(subcommand)]
    Trunk(provider::Trunk),
    /// 资费 / tariff plans
    #[command(subcommand)]
    Tariff(provider::Tariff),
    /// 号段 / number segments
    #[command(subcommand)]
    Segment(provider::Segment),
    /// 通话清单 / lists calls
    Calls(calls::Calls),
    /// 一次通话的全部：事实、各腿、费用、分录、信令 / one call whole
    CallRecord(calls::CallRecord),
    /// 核对账目、话单、录音和日志 / checks books, records, recordings and journal
    Verify(keep::Verify),
    /// 备份 / writes a copy of the data
    Backup(keep::Backup),
    /// 从备份恢复 / puts a copy back
    Restore(keep::Restore),
    /// 运行状态 / what the running server says
    #[command(after_help = "例 / example: sibai status --json")]
    Status,
    /// 为性能测试填充数据 / fills a database for measurements
    Fill(keep::Fill),
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::DecodePrompt = arguments.command {
        return decoding::run();
    }
    let config = arguments.config.clone();
    let context = match Context::new(&arguments) {
        Ok(context) => context,
        Err(exit) => return exit,
    };
    match dispatch(arguments.command, &context, config) {
        Ok(exit) => ExitCode::from(exit),
        Err(refusal) => context.refuse(&refusal),
    }
}

/// The exit code, or why nothing was done.
type Ran = Outcome<u8>;

fn dispatch(command: Command, context: &Context, config: Option<PathBuf>) -> Ran {
    match command {
        Command::Serve => Ok(serve(&config.unwrap_or_else(|| "sibai.toml".into()))),
        Command::Demo(words) => demo::run(context, &words),
        Command::Call(words) => far::call(context, &words),
        Command::Load(words) => far::load(context, &words),
        Command::Phone(words) => phone::run(context, &words),
        Command::Explain(words) => explain::run(context, &words),
        Command::Backtest(words) => backtest::run(context, &words),
        Command::Rate(words) => pure::rate(context, &words),
        Command::Number(words) => pure::number(context, &words),
        Command::Region(words) => pure::region(context, &words),
        Command::RegionImport(words) => pure::region_import(context, &words),
        Command::Schema(words) => pure::schema(&words),
        Command::Import(words) => enterprise::import(context, &words),
        Command::Export(words) => enterprise::export(context, &words),
        Command::Versions(words) => enterprise::versions(context, &words),
        Command::Enterprises => enterprise::list(context),
        Command::Account(words) => account::run(context, &words),
        Command::Block(words) => barring::mark(context, crate::ops::barring::List::Block, &words),
        Command::Allow(words) => barring::mark(context, crate::ops::barring::List::Allow, &words),
        Command::TopUp(words) => provider::top_up(context, &words),
        Command::Recording(words) => recording::run(context, &words),
        Command::Prompt(words) => prompt::run(context, &words),
        Command::DecodePrompt => Ok(0),
        Command::Calendar(words) => calendar::calendar(context, &words),
        Command::Alerts(words) => alerts::alerts(context, &words),
        Command::Carrier(words) => carrier::run(context, &words),
        Command::Limit(words) => provider::limit(context, &words),
        Command::Crisis(words) => crisis::run(context, &words),
        Command::Flow(words) => flow::run(context, &words),
        Command::Agent(words) => agents::agent(context, &words),
        Command::Queue(words) => queue::run(context, &words),
        Command::Live(words) => live::run(context, &words),
        Command::Message(words) => message::run(context, &words),
        Command::Voicemail(words) => voicemail::run(context, &words),
        Command::Rating(words) => rating::run(context, &words),
        Command::Result(words) => result::run(context, &words),
        Command::Quality(words) => quality::run(context, &words),
        Command::Callback(words) => callback::run(context, &words),
        Command::Forget(words) => provider::forget(context, &words),
        Command::ReRate(words) => provider::re_rate(context, &words),
        Command::Audit(words) => provider::audit(context, &words),
        Command::Trunk(words) => provider::trunk(context, &words),
        Command::Tariff(words) => provider::tariff(context, &words),
        Command::Segment(words) => provider::segment(context, &words),
        Command::Calls(words) => calls::list(context, &words),
        Command::CallRecord(words) => calls::record(context, &words),
        Command::Verify(words) => keep::verify(context, &words),
        Command::Backup(words) => keep::backup(context, &words),
        Command::Restore(words) => keep::restore(context, &words),
        Command::Status => keep::status(context),
        Command::Fill(words) => keep::fill(context, &words),
    }
}

fn serve(file: &std::path::Path) -> u8 {
    let config = match Config::read(file) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return 2;
        }
    };
    crate::log::start(config.log.format, &config.log.level);
    match crate::serve::serve(config) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("sibai: {error}");
            crate::ops::Refusal::from(error).code.exit()
        }
    }
}
