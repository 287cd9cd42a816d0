//! `${key}` in condition values.
