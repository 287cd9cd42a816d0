//! The dashboard as a person uses it: events go in, frames and requests come out. No terminal, no clock, no network.

mod anew;
mod conventions;
mod demo;
mod fix;
mod hand;
mod restart;
mod screens;
mod story;
