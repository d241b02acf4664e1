//! A SIP phone from the command line: it registers at the platform, answers, and takes orders line by line.

use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use farend::Says;
use farend::call::{Press, parse_press};
use farend::softphone::{Credentials, News, Order, SoftphoneConfig, run as run_phone};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::far::{read_length, running_sip};
use super::show::{print, runtime};
use super::{Context, Ran};
use crate::ops::{Code, Refusal};

/// The words of `phone`.
#[derive(Args)]
#[command(
    after_help = "从标准输入读取命令，每行一条 / orders on standard input, one a line:\n  call 110 · press 1,2# · hangup · quit\n例 / example:\n  sibai phone huaxin-8001 --password-env PHONE_PASSWORD --says 600"
)]
pub struct Phone {
    /// 分机帐号，如 huaxin-8001 / the account of an extension
    user: String,
    /// 存放密码的环境变量 / the environment variable that holds the password
    #[arg(long, value_name = "NAME", default_value = "SIBAI_PHONE_PASSWORD")]
    password_env: String,
    /// 注册到哪里，默认为正在运行的服务 / where to register; the running server by default
    #[arg(long, value_name = "IP:PORT")]
    registrar: Option<SocketAddr>,
    /// 请求的注册时长，秒 / seconds of registration asked for
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    expires: u32,
    /// 通话时播放的单音频率，默认静音 / a tone to say while talking, in Hz; silence by default
    #[arg(long, value_name = "HZ")]
    says: Option<u16>,
    /// 响铃多久后接听 / how long it rings before it answers
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = read_length)]
    answer_after: Duration,
    /// 本机地址 / its own address
    #[arg(long, value_name = "IP:PORT")]
    local: Option<SocketAddr>,
    /// 写入信令的地址，用于模拟 NAT 后的话机 / the address written into messages, to play a phone behind NAT
    #[arg(long, value_name = "IP")]
    believes: Option<IpAddr>,
    /// 经 SOCKS 5 数据报中继收发 / send and receive through a relay of SOCKS 5 datagrams
    #[arg(long, value_name = "IP:PORT")]
    through: Option<SocketAddr>,
}

/// `sibai phone`
pub fn run(context: &Context, words: &Phone) -> Ran {
    let registrar = match words.registrar {
        Some(registrar) => registrar,
        None => running_sip(context)?,
    };
    let password = std::env::var(&words.password_env).map_err(|_| {
        let name = &words.password_env;
        Refusal::invalid(
            format!("环境变量 {name} 中没有密码"),
            format!("the environment variable {name} holds no password"),
        )
    })?;
    let loopback = SocketAddr::new(registrar.ip(), 0);
    let local =
        words.local.unwrap_or(if registrar.ip().is_loopback() { loopback } else { any_like(registrar) });
    let config = SoftphoneConfig {
        registrar,
        credentials: Credentials { user: words.user.clone(), password },
        expires_s: words.expires,
        local,
        believed: words.believes,
        through: words.through,
        says: words.says.map_or(Says::Silence, |hz| Says::Tone { hz }),
        answer_after: words.answer_after,
    };
    let (give, orders) = unbounded_channel();
    let interrupted = give.clone();
    std::thread::spawn(move || read_orders(&give));
    let ran = runtime()?.block_on(async {
        let keys = tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                let _ = interrupted.send(Order::Leave);
            }
        });
        let ran = run_phone(config, orders, |news| tell(context, &news)).await;
        keys.abort();
        ran
    });
    ran.map_err(|error| Refusal::new(Code::CallFailed, format!("话机无法启动：{error}"), error.to_string()))?;
    Ok(0)
}

/// The address from which `target` is reached is the system's choice; the socket says it in its messages.
fn any_like(target: SocketAddr) -> SocketAddr {
    farend::local_towards(target)
}

fn tell(context: &Context, news: &News) {
    if context.json {
        print(&json!(news).to_string());
    } else {
        print(&news.to_string());
    }
}

/// Until the input ends; a line that is no order is said and passed over.
fn read_orders(give: &UnboundedSender<Order>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match read_order(line.trim()) {
            Some(order) if give.send(order.clone()).is_ok() && order != Order::Leave => {}
            Some(_) => return,
            None if line.trim().is_empty() => {}
            None => eprintln!("call NUMBER · press KEYS · hangup · quit"),
        }
    }
}

fn read_order(line: &str) -> Option<Order> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let plain = |number: &str| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+*#".contains(&byte))
    };
    match (word, rest.trim()) {
        ("call", number) if plain(number) => Some(Order::Call(number.to_owned())),
        ("press", keys) => {
            let keys = parse_press(keys).ok()?;
            let key = |press: &Press| match press {
                Press::Key(key) => Some(*key),
                Press::Pause(_) => None,
            };
            Some(Order::Press(keys.iter().filter_map(key).collect()))
        }
        ("hangup", "") => Some(Order::HangUp),
        ("quit", "") => Some(Order::Leave),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_line_by_line_and_nothing_else_is_one() {
        assert_eq!(read_order("call 110"), Some(Order::Call("110".into())));
        assert_eq!(read_order("press 1,2#"), Some(Order::Press(b"12#".to_vec())));
        assert_eq!([read_order("hangup"), read_order("quit")], [Some(Order::HangUp), Some(Order::Leave)]);
        for line in ["", "call", "call 1 2", "call a@b", "press x", "quit now", "dance"] {
            assert_eq!(read_order(line), None, "{line:?}");
        }
    }
}
