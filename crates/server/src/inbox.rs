//! What other threads tell the signalling thread: one queue and one wake-up for a whole burst. Refuses to know what
//! becomes of it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use hotline::Now;
use media::sys::epoll::Waker;
use node::{Change, Loaded, Node};

/// Things people may have waiting. What media and store tell is bounded by the legs and loads that asked for it, and what was
/// committed by the connections of those who wait for its end.
const COMMANDS_MAX: usize = 1_024;

/// A look at the node between two of its turns.
pub type Look = Box<dyn FnOnce(&Node, Now) + Send>;

/// Something for the signalling thread.
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Message {
    /// A whole message of a stream; `unheard` is let go once it was handled.
    Stream { from: sip::Hop, bytes: bytes::Bytes, unheard: crate::net::Unheard },
    /// A connection is gone, or could not be opened.
    StreamGone { to: sip::Hop },
    /// From the media engine.
    Media(Vec<media::Event>),
    /// A sound nobody can play is over at once.
    Unplayable { leg: node::media::MediaLeg, play: u32 },
    /// The file of a prompt was read, or could not be.
    PromptRead { file: crate::prompts::FileId, prompt: Option<std::sync::Arc<media::Prompt>> },
    /// What an enterprise is heard with is another; `done` is called once calls to come hear it.
    Heard { tenant: hotline::TenantId, names: crate::prompts::Names, done: Box<dyn FnOnce() + Send> },
    /// A cold number was loaded, or could not be.
    Loaded(Loaded),
    /// The store committed every settlement up to a position.
    Committed { up_to: u64 },
    /// People changed something; `done` is called once the node has taken it.
    Change { change: Change, done: Box<dyn FnOnce() + Send> },
    /// Look at the node.
    Ask(Look),
    /// Try a trunk by a test call; `done` is told what was seen.
    Try { order: node::TrialOrder, done: Box<dyn FnOnce(node::TrialReport) + Send> },
    /// What came of a request of a call's flow.
    Fetched { call: hotline::CallId, number: u32, fetched: hotline::flow::Fetched },
    /// Take no new calls, or take them again.
    Drain(bool),
    /// End every call now.
    EndAll,
    /// Move the clock on; `done` is called once what fell due was done.
    Advance { by_ms: u64, done: Box<dyn FnOnce() + Send> },
    /// End the thread.
    Stop,
}

/// The queue is full: the signalling thread does not keep up with what people ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is overloaded; try again later")]
pub struct Full;

/// The queue.
pub struct Inbox {
    // A plain mutex: it is held for one push or one swap, never longer.
    queue: Mutex<VecDeque<Message>>,
    waker: Waker,
    woken: AtomicBool,
}

impl Inbox {
    /// An empty one.
    ///
    /// # Errors
    /// Those of eventfd(2).
    pub fn new() -> io::Result<Inbox> {
        Ok(Inbox { queue: Mutex::default(), waker: Waker::new()?, woken: AtomicBool::new(false) })
    }

    /// Tells something that is bounded elsewhere.
    pub fn push(&self, message: Message) {
        self.locked().push_back(message);
        self.wake();
    }

    /// Asks for something on behalf of people.
    ///
    /// # Errors
    /// Too much waits already.
    pub fn push_command(&self, message: Message) -> Result<(), Full> {
        let mut queue = self.locked();
        if queue.len() >= COMMANDS_MAX {
            return Err(Full);
        }
        queue.push_back(message);
        drop(queue);
        self.wake();
        Ok(())
    }

    /// Swaps everything told so far into an empty queue.
    pub fn take(&self, into: &mut VecDeque<Message>) {
        debug_assert!(into.is_empty());
        // In this order: what is told after the clearing either is in the queue when it is read or wakes again.
        self.waker.clear();
        self.woken.swap(false, Ordering::AcqRel);
        std::mem::swap(&mut *self.locked(), into);
    }

    /// The descriptor that becomes readable, for an epoll set.
    pub fn raw(&self) -> std::os::fd::RawFd {
        self.waker.raw()
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, VecDeque<Message>> {
        // A panic while it was held left a whole queue: pushes and swaps do not stop half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::sys::epoll::{Epoll, Ready};
    use std::sync::Arc;

    /// A reader that is told while it reads must be woken for what it did not see.
    #[test]
    fn nothing_told_is_left_lying() {
        const TELLERS: u64 = 4;
        const EACH: u64 = 1_000_000;
        let inbox = Arc::new(Inbox::new().expect("an eventfd"));
        let epoll = Epoll::new().expect("an epoll set");
        epoll.add(inbox.raw(), 0).expect("added");
        let tell =
            |inbox: Arc<Inbox>| move || (0..EACH).for_each(|up_to| inbox.push(Message::Committed { up_to }));
        let tellers: Vec<_> = (0..TELLERS).map(|_| std::thread::spawn(tell(inbox.clone()))).collect();
        let (mut ready, mut heard) = (Ready::with_max(1), 0);
        while heard < TELLERS * EACH {
            epoll.wait(&mut ready, 10_000).expect("waited");
            assert!(!ready.is_empty(), "after {heard} nobody was woken for the rest");
            let mut told = VecDeque::new();
            inbox.take(&mut told);
            heard += told.len() as u64;
        }
        tellers.into_iter().for_each(|teller| teller.join().expect("it told all"));
    }
}
