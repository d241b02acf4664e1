//! People who sign in to the pages and the API.

use clap::Subcommand;
use hotline::TenantId;

use super::{Context, Need, Ran};
use crate::access::Role;
use crate::ops::Request;
use crate::ops::accounts::{Add, Deed, FirstPassword, List, Mend, Mended, Row};

/// The words of `account`.
#[derive(Subcommand)]
#[command(after_help = "例 / examples:
  sibai account add huaxin li --name 李工 --role admin
  sibai account add huaxin zhao --name 赵工 --role agent --agent 8001
  sibai account add provider wang --name 王工 --role system
  sibai account list huaxin
  sibai account reset huaxin li      (新的初始密码，只显示一次 / a new first password, shown once)")]
pub enum Account {
    /// 新增账号，显示初始密码 / lets a person in and shows the first password
    Add {
        /// 企业；服务商人员写 provider / the enterprise; `provider` for the provider's staff
        tenant: String,
        /// 登录名 / the name to be typed in
        login: String,
        /// 姓名 / the person's name
        #[arg(long)]
        name: String,
        /// 角色 / the role
        #[arg(long)]
        role: Role,
        /// 工号：此人即企业文件里的这位坐席 / the agent that the person is, by its number in the document
        #[arg(long)]
        agent: Option<String>,
    },
    /// 账号列表 / lists accounts
    List {
        /// 企业 / the enterprise
        tenant: String,
    },
    /// 重置密码，已登录的会话结束 / a new first password; sessions end
    Reset {
        /// 企业 / the enterprise
        tenant: String,
        /// 登录名 / whose
        login: String,
    },
    /// 停用，已登录的会话结束 / nobody signs in by it; sessions end
    Disable {
        /// 企业 / the enterprise
        tenant: String,
        /// 登录名 / whose
        login: String,
    },
    /// 恢复 / opens it again
    Enable {
        /// 企业 / the enterprise
        tenant: String,
        /// 登录名 / whose
        login: String,
    },
}

/// `sibai account …`
pub fn run(context: &Context, words: &Account) -> Ran {
    match words {
        Account::Add { tenant, login, name, role, agent } => {
            let (login, name, by) = (login.clone(), name.clone(), context.by.clone());
            let (tenant, agent) = (TenantId::new(tenant), agent.clone());
            let add = Add { tenant, login, name, role: *role, agent, by };
            let made: FirstPassword = context.ask(Need::Data, &Request::AccountAdd(add))?;
            context.show(&made, |made| show_password(context, &made.login, &made.password))?;
            Ok(0)
        }
        Account::List { tenant } => list(context, TenantId::new(tenant)),
        Account::Reset { tenant, login } => mend(context, tenant, login, Deed::Reset),
        Account::Disable { tenant, login } => mend(context, tenant, login, Deed::Disable),
        Account::Enable { tenant, login } => mend(context, tenant, login, Deed::Enable),
    }
}

fn show_password(context: &Context, login: &str, password: &str) {
    context.say(
        format!("{login} 的初始密码（只显示这一次，首次登录须修改）：{password}"),
        format!(
            "the first password of {login}, shown this once, to be changed at the first sign-in: {password}"
        ),
    );
}

fn mend(context: &Context, tenant: &str, login: &str, deed: Deed) -> Ran {
    let (login, by) = (login.to_owned(), context.by.clone());
    let mend = Mend { tenant: TenantId::new(tenant), login, deed, by };
    let done: Mended = context.ask(Need::Data, &Request::AccountMend(mend))?;
    context.show(&done, |done| match (&done.password, deed) {
        (Some(password), _) => show_password(context, &done.login, password),
        (None, Deed::Disable) => {
            context.say(format!("{} 已停用", done.login), format!("{} is closed", done.login));
        }
        (None, Deed::Enable | Deed::Reset) => {
            context.say(format!("{} 可以登录", done.login), format!("{} may sign in", done.login));
        }
    })?;
    Ok(0)
}

fn list(context: &Context, tenant: TenantId) -> Ran {
    let list = List { tenant, after: String::new(), limit: 500 };
    let rows: Vec<Row> = context.ask(Need::Data, &Request::Accounts(list))?;
    context.show(&rows, |rows| {
        let row = |one: &Row| {
            let state = match (one.disabled, one.must_change) {
                (true, _) => context.pick("停用", "closed"),
                (false, true) => context.pick("未改初始密码", "first password"),
                (false, false) => "",
            };
            vec![one.login.clone(), one.name.clone(), one.role.code().to_owned(), state.to_owned()]
        };
        let head = [("登录名", "login"), ("姓名", "name"), ("角色", "role"), ("状态", "state")];
        context.table(&head, &rows.iter().map(row).collect::<Vec<_>>());
    })?;
    Ok(0)
}
