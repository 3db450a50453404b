//! Bytes on their way out.
//!
//! ```text
//! bytes: [ sent already | unsent ]
//!                       ^ sent
//! ```

/// How much memory an empty queue may keep, so that an idle dispatcher costs next to nothing.
const KEEP_BYTES: usize = 256;

#[derive(Default)]
pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    sent: usize,
}

impl SendQueue {
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        // Moves at most as many bytes as were sent since the last time: constant work per byte.
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        self.bytes.extend_from_slice(data);
    }

    /// Like `push`, but an empty queue takes the vector as it is.
    pub(crate) fn push_vec(&mut self, data: Vec<u8>) {
        if self.unsent().is_empty() {
            *self = Self { bytes: data, sent: 0 };
        } else {
            self.push(&data);
        }
    }

    /// Forgets the first `count` unsent bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.sent = 0;
            if self.bytes.capacity() > KEEP_BYTES {
                self.bytes = Vec::new();
            } else {
                self.bytes.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let (mut queue, mut out) = (SendQueue::default(), Vec::new());
        for step in 0..1_000_usize {
            queue.push(&[step as u8; 7]);
            let count = (step * 5 % 11).min(queue.unsent().len());
            out.extend_from_slice(&queue.unsent()[..count]);
            queue.advance(count);
        }
        out.extend_from_slice(queue.unsent());
        let expected: Vec<u8> = (0..1_000_usize).flat_map(|step| [step as u8; 7]).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn an_empty_queue_gives_its_memory_back() {
        let mut queue = SendQueue::default();
        queue.push(&vec![0; 100_000]);
        queue.advance(100_000);
        assert_eq!(queue.bytes.capacity(), 0);
        queue.push_vec(vec![1; 10]);
        queue.advance(10);
        assert!(queue.bytes.capacity() <= KEEP_BYTES);
    }
}
