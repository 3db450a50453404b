//! A limit on what one piece of a file may be: a parser keeps a piece whole, and files are hostile.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// How much may still be read before the next piece begins.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    bytes: u64,
    left: Rc<Cell<u64>>,
}

impl Limit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, left: Rc::new(Cell::new(bytes)) }
    }

    /// A new piece begins.
    pub(crate) fn renew(&self) {
        self.left.set(self.bytes);
    }

    /// Whether the piece was too large.
    pub(crate) fn is_reached(&self) -> bool {
        self.left.get() == 0
    }
}

/// Reads on until the limit is reached; then it fails.
pub(crate) struct Limited<R> {
    pub(crate) inner: R,
    pub(crate) limit: Limit,
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.limit.is_reached() {
            return Err(io::Error::other("too large"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.limit.left.set(self.limit.left.get().saturating_sub(bytes as u64));
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let read = bytes.len().min(out.len());
        out[..read].copy_from_slice(&bytes[..read]);
        self.consume(read);
        Ok(read)
    }
}
