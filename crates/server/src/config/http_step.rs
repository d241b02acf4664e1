//! `[http_step]`: what the operator says of steps that ask servers outside.

use super::{Checker, written};
use crate::fetching::{Allowed, HttpSteps, Kept, Secret};

impl Checker<'_> {
    pub(super) fn http_steps(&mut self, written: written::HttpStep) -> Option<HttpSteps> {
        let written::HttpStep { authorities, allowed, secret } = written;
        let allowed: Vec<_> = allowed.iter().map(|one| self.allowed(one)).collect();
        let secrets: Vec<_> = secret.into_iter().map(|one| self.secret(one)).collect();
        Some(HttpSteps {
            authorities,
            allowed: allowed.into_iter().collect::<Option<_>>()?,
            secrets: secrets.into_iter().collect::<Option<_>>()?,
        })
    }

    fn allowed(&mut self, written: &written::Allowed) -> Option<Allowed> {
        let host = &written.host;
        let allowed = Allowed::parse(&written.enterprise, host.get_ref());
        if allowed.is_none() {
            let text = host.get_ref();
            self.say(host.span().start, format!("http_step.allowed: {text:?} is not HOST or HOST:PORT"));
        }
        allowed
    }

    fn secret(&mut self, written: written::Secret) -> Option<Secret> {
        let (enterprise, hosts) = (written.enterprise, written.hosts);
        let kept = match (written.file, written.variable) {
            (Some(file), None) => Kept::File(file),
            (None, Some(variable)) => Kept::Variable(variable),
            (None, None) | (Some(_), Some(_)) => {
                let at = written.name.span().start;
                self.say(at, "http_step.secret: one of file and variable is wanted");
                return None;
            }
        };
        Some(Secret { enterprise, name: written.name.into_inner(), hosts, kept })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn i12_hosts_within_are_named_by_enterprise_and_port() {
        let read = |host: &str| {
            let text = format!("[[http_step.allowed]]\nenterprise = \"huaxin\"\nhost = {host:?}\n");
            Config::parse(&text, Path::new("sibai.toml")).map(|config| config.http_steps.allowed)
        };
        let named = |host: &str, port| Allowed { enterprise: "huaxin".into(), host: host.into(), port };
        assert_eq!(read("crm.internal").expect("a host"), [named("crm.internal", None)]);
        assert_eq!(read("[fd00::1]:8443").expect("a host"), [named("[fd00::1]", Some(8443))]);
        for wrong in ["http://crm.internal/", "crm.internal:x"] {
            let wrong = read(wrong).expect_err("no host").to_string();
            assert!(wrong.contains("sibai.toml:3: http_step.allowed"), "{wrong}");
        }
    }
}
