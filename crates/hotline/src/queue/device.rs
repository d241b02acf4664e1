//! What rings for an agent: the SIP phone, or the mobile, by the agent's word or since there is nothing else (rows R29, Q01).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{AgentNo, AgentRules, Floor, NotObeyed};
use crate::Now;
use crate::agent::Device;
use crate::enterprise::{Confirm, DestinationKind};
use crate::hotline::Destination;

impl Floor {
    /// Has another device of an agent rung.
    pub(super) fn use_device(&mut self, agent: AgentNo, device: Device, now: Now) -> Result<(), NotObeyed> {
        if !self.has_devices(agent).contains(&device) {
            return Err(NotObeyed::NoSuchDevice);
        }
        self.touch(agent).use_device(device, now.mono);
        Ok(())
    }

    /// What an agent has to be rung on.
    pub(super) fn has_devices(&self, agent: AgentNo) -> Vec<Device> {
        let rules = &self.posts[usize::from(agent)].rules;
        let phone = (!rules.phone.is_empty()).then_some(Device::Phone);
        phone.into_iter().chain(rules.mobile.as_ref().map(|_| Device::Mobile)).collect()
    }

    /// Which device of an agent is rung first. What the document names no more is nobody's choice.
    pub fn device(&self, agent: AgentNo) -> Device {
        let Some(post) = self.posts.get(usize::from(agent)) else { return Device::Phone };
        match (post.rules.phone.is_empty(), &post.rules.mobile, post.agent.device()) {
            (true, Some(_), _) | (false, Some(_), Device::Mobile) => Device::Mobile,
            (_, None, _) | (false, Some(_), Device::Phone) => Device::Phone,
        }
    }

    pub(super) fn rings_mobile(&self, agent: AgentNo) -> bool {
        self.device(agent) == Device::Mobile
    }

    /// What is rung for an agent, one after the other as far as each is reached nowhere.
    pub fn devices(&self, agent: AgentNo, ring_ms: u64) -> VecDeque<Destination> {
        let Some(post) = self.posts.get(usize::from(agent)) else { return VecDeque::new() };
        let rules = &post.rules;
        let mobile = mobile(rules, ring_ms);
        let phone = (self.device(agent) == Device::Phone).then(|| phone(rules, ring_ms));
        phone.into_iter().chain(mobile).collect()
    }
}

fn phone(rules: &AgentRules, ring_ms: u64) -> Destination {
    device(rules, DestinationKind::Extension, rules.phone.clone(), Confirm::Off, ring_ms)
}

fn mobile(rules: &AgentRules, ring_ms: u64) -> Option<Destination> {
    let mobile = rules.mobile.as_ref()?;
    Some(device(rules, DestinationKind::Mobile, mobile.number.clone(), mobile.confirm, ring_ms))
}

fn device(
    rules: &AgentRules,
    kind: DestinationKind,
    number: Arc<str>,
    confirm: Confirm,
    ring_ms: u64,
) -> Destination {
    let (name, area_code) = (rules.name.clone(), "".into());
    Destination { name, kind, number, area_code, enabled: true, lines: 1, ring_ms, duty: None, confirm }
}
