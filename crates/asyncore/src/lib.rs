//! asyncore
