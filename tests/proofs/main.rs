//! What fixes are worth: every automatic one is carried out against the embedded endpoints and put back again, the table
//! of codes and fixes is held to that, trust edits are held to their rules, and hostile names come through every form
//! that a plan is written in.

#[path = "../common/embedded.rs"]
mod embedded;
#[path = "../common/faults.rs"]
mod faults;
#[path = "../common/files.rs"]
mod files;
mod hostile;
#[path = "../common/judge.rs"]
mod judge;
mod lab;
mod propose;
mod safety;
mod table;
mod world;
