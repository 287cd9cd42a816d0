//! The condition operators.
