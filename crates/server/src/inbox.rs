//! What other threads tell the signalling thread: one queue and one wake-up for a whole burst. Refuses to know what
//! becomes of it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use hotline::Now;
use media::sys::epoll::Waker;
use node::{Change, Loaded, Node};

/// Things people may have waiting. What media and store tell is bounded by the legs and loads that asked for it.
const COMMANDS_MAX: usize = 1_024;

/// A look at the node between two of its turns.
pub type Look = Box<dyn FnOnce(&Node, Now) + Send>;

/// Something for the signalling thread.
#[expect(missing_docs, reason = "the variant's line names its fields")]
pub enum Message {
    /// From the media engine.
    Media(Vec<media::Event>),
    /// A sound nobody can play is over at once.
    Unplayable { leg: node::media::MediaLeg, play: u32 },
    /// A cold number was loaded, or could not be.
    Loaded(Loaded),
    /// The store committed every settlement up to a position.
    Committed { up_to: u64 },
    /// People changed something; `done` is called once the node has taken it.
    Change { change: Change, done: Box<dyn FnOnce() + Send> },
    /// Look at the node.
    Ask(Look),
    /// Take no new calls, or take them again.
    Drain(bool),
    /// End every call now.
    EndAll,
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
        // Cleared before the queue is read: what is told after the reading wakes again.
        if self.woken.swap(false, Ordering::AcqRel) {
            self.waker.clear();
        }
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
