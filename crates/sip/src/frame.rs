//! Messages in a stream (RFC 3261 18.3): cut by Content-Length, keep-alives told apart (RFC 5626 4.4.1).
//! It refuses to wait for more than a message may have, and to read a message.

use bytes::{Buf, Bytes, BytesMut};

/// The most a start line with all headers may take.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most a body may take.
pub const BODY_BYTES_MAX: usize = 48 * 1024;

/// Something whole that arrived by a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, to be read as a datagram is.
    Message(Bytes),
    /// A double CRLF: it is answered with a single one.
    Ping,
}

/// Why nothing more can be read from a stream: the next message cannot be found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The headers do not end within [`HEAD_BYTES_MAX`].
    LongHead,
    /// The body is longer than [`BODY_BYTES_MAX`].
    LongBody,
    /// No Content-Length, an unreadable one, or two that differ.
    BadLength,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FrameError::LongHead => "headers without end",
            FrameError::LongBody => "a body beyond the limit",
            FrameError::BadLength => "no usable Content-Length",
        })
    }
}

impl std::error::Error for FrameError {}

/// The bytes of one stream that are not a whole message yet.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// How far the end of the headers has been looked for.
    searched: usize,
}

impl Framer {
    /// What was read from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait for the rest of their message.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole thing, if it is there.
    ///
    /// # Errors
    /// The stream cannot be followed any further; close it.
    pub fn pop(&mut self) -> Result<Option<Frame>, FrameError> {
        while self.searched == 0 && self.buffer.starts_with(b"\r\n") {
            if self.buffer.starts_with(b"\r\n\r\n") {
                self.buffer.advance(4);
                return Ok(Some(Frame::Ping));
            }
            match self.buffer.get(2) {
                // A ping may be cut in two.
                None | Some(b'\r') if self.buffer.len() < 4 => return Ok(None),
                _ => self.buffer.advance(2),
            }
        }
        if self.searched == 0 && self.buffer[..] == b"\r"[..] {
            return Ok(None);
        }
        let from = self.searched.saturating_sub(3);
        let Some(end) = self.buffer[from..].windows(4).position(|four| four == b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            return if self.searched > HEAD_BYTES_MAX { Err(FrameError::LongHead) } else { Ok(None) };
        };
        let head = from + end + 4;
        if head > HEAD_BYTES_MAX {
            return Err(FrameError::LongHead);
        }
        let body = content_length(&self.buffer[..head])?;
        if body > BODY_BYTES_MAX {
            return Err(FrameError::LongBody);
        }
        if self.buffer.len() < head + body {
            self.searched = head - 1;
            return Ok(None);
        }
        self.searched = 0;
        Ok(Some(Frame::Message(self.buffer.split_to(head + body).freeze())))
    }
}

/// The length that all Content-Length lines agree on.
fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut found = None;
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let length = crate::incoming::number(line[colon + 1..].trim_ascii()).ok_or(FrameError::BadLength)?;
        let length = usize::try_from(length).map_err(|_| FrameError::LongBody)?;
        if found.replace(length).is_some_and(|before| before != length) {
            return Err(FrameError::BadLength);
        }
    }
    found.ok_or(FrameError::BadLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nl : 3\r\n\r\nabc";
    const TWO: &[u8] = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

    fn all(framer: &mut Framer) -> Vec<Frame> {
        std::iter::from_fn(|| framer.pop().expect("well framed")).collect()
    }

    #[test]
    fn messages_and_pings_are_cut_wherever_the_stream_was() {
        let stream = [ONE, b"\r\n\r\n", TWO, b"\r\n", ONE].concat();
        let whole = [
            Frame::Message(Bytes::from_static(ONE)),
            Frame::Ping,
            Frame::Message(Bytes::from_static(TWO)),
            Frame::Message(Bytes::from_static(ONE)),
        ];
        for size in 1..stream.len() {
            let mut framer = Framer::default();
            let mut got = Vec::new();
            for piece in stream.chunks(size) {
                framer.push(piece);
                got.extend(all(&mut framer));
            }
            assert_eq!((got.as_slice(), framer.waiting()), (&whole[..], 0), "in pieces of {size}");
        }
    }

    #[test]
    fn fault_n1_a_stream_that_cannot_be_followed_ends() {
        let error = |bytes: &[u8]| {
            let mut framer = Framer::default();
            framer.push(bytes);
            framer.pop()
        };
        assert_eq!(error(b"OPTIONS sip:a SIP/2.0\r\n\r\n"), Err(FrameError::BadLength));
        assert_eq!(error(b"x\r\nContent-Length: -1\r\n\r\n"), Err(FrameError::BadLength));
        assert_eq!(error(b"x\r\nContent-Length: 1\r\nl: 2\r\n\r\n"), Err(FrameError::BadLength));
        assert_eq!(error(b"x\r\nContent-Length: 99999999\r\n\r\n"), Err(FrameError::LongBody));
        assert_eq!(error(&[b'x'; HEAD_BYTES_MAX + 1]), Err(FrameError::LongHead));
        assert_eq!(error(&[b'x'; 100]), Ok(None));
    }
}
