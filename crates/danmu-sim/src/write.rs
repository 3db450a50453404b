//! What comes up again and again when payloads are written.

use std::fmt::Display;

use danmu_proto::stt::Writer;

pub(crate) trait WriteMore {
    /// Adds a pair if there is a value.
    fn maybe(self, key: &str, value: Option<impl Display>) -> Self;
    /// Adds pairs with the value 0: the many fields that no one knows the meaning of, or that do not apply.
    fn zeros<const N: usize>(self, keys: [&str; N]) -> Self;
}

impl WriteMore for Writer {
    fn maybe(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.pair(key, value),
            None => self,
        }
    }

    fn zeros<const N: usize>(self, keys: [&str; N]) -> Self {
        keys.into_iter().fold(self, |writer, key| writer.pair(key, 0))
    }
}

/// Writes a list of items.
pub(crate) fn list(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().fold(Writer::new(), Writer::item).finish()
}
