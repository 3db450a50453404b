//! Gift tables: files that say what gifts are called and cost.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use danmu_client::directory::read_gift_table;
use danmu_sinks::recording::writer::CatalogGift;

/// Reads the table in a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<CatalogGift>> {
    /// Far larger than any; what is not a table at all is not read whole.
    const MOST_BYTES: u64 = 64 << 20;
    let reading = || format!("the gift table {} cannot be read", path.display());
    if fs::metadata(path).with_context(reading)?.len() > MOST_BYTES {
        bail!("{} is no gift table: it is larger than any", path.display());
    }
    let text = fs::read_to_string(path).with_context(reading)?;
    let Some(gifts) = read_gift_table(&text) else {
        bail!(
            "{} is no gift table: it has no gift by number, as {{\"20004\": {{\"name\": …, \"pc\": fen}}}}",
            path.display()
        );
    };
    let known = gifts.into_iter().map(|gift| CatalogGift {
        kind: gift.kind,
        id: gift.id,
        name: Some(gift.name),
        price_fen: gift.price_fen,
    });
    Ok(known.collect())
}
