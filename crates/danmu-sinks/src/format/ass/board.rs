//! The board: a column of rows at the side of the screen, where gifts and super chats stand for a while. Pure.

/// Rows, counted from the bottom, each with the time from which it is free.
#[derive(Clone, Debug)]
pub(super) struct Board {
    free_ms: Vec<i64>,
}

/// Where and when something stands on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// Its lowest row.
    pub(super) row: usize,
    /// When it appears: later than it came where the board was full.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Board {
    pub(super) fn new(rows: usize) -> Self {
        Self { free_ms: vec![i64::MIN; rows.max(1)] }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.free_ms.len()
    }

    /// Takes neighbouring rows for something that came now and stays for `hold_ms`: the lowest that are free, or else those
    /// that are free first. `None` if it would have to wait longer than `patience_ms`.
    pub(super) fn place(&mut self, now_ms: i64, rows: usize, hold_ms: i64, patience_ms: i64) -> Option<Stand> {
        let rows = rows.clamp(1, self.free_ms.len());
        let free = self.free_ms.windows(rows).map(|rows| rows.iter().copied().fold(now_ms, i64::max));
        let (row, from_ms) = free.enumerate().min_by_key(|&(_, free_ms)| free_ms)?;
        if from_ms - now_ms > patience_ms {
            return None;
        }
        let to_ms = from_ms + hold_ms;
        self.free_ms[row..row + rows].fill(to_ms);
        Some(Stand { row, from_ms, to_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_stands_at_the_bottom_and_above_what_stands_there() {
        let mut board = Board::new(4);
        assert_eq!(board.place(0, 1, 5000, 0), Some(Stand { row: 0, from_ms: 0, to_ms: 5000 }));
        assert_eq!(board.place(10, 3, 60_000, 0), Some(Stand { row: 1, from_ms: 10, to_ms: 60_010 }));
        assert_eq!(board.place(20, 1, 5000, 4000), None);
        assert_eq!(board.place(20, 1, 5000, 5000), Some(Stand { row: 0, from_ms: 5000, to_ms: 10_000 }));
        assert_eq!(board.place(20, 9, 5000, i64::MAX), Some(Stand { row: 0, from_ms: 60_010, to_ms: 65_010 }));
    }
}
