//! Plans carried out against the embedded endpoints: with everything that can go wrong on the way, killed at every
//! boundary, put back again, and with nothing but the permissions that are printed.

mod command;
#[path = "../common/embedded.rs"]
mod embedded;
mod after;
mod faults;
mod kill;
mod permissions;
mod probe;
mod readonly;
mod refused;
mod undo;
mod waves;
mod world;
