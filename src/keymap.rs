//! keymap.
