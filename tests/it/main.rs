//! The whole, driven as its users drive it: the real components in the real host, a real runner, real git, and a
//! forge that is fake but judges as the real one does.
//!
//! `stories` tells what a user can do, `kills` what survives a process that dies at the worst moment, and
//! `architecture` what the design promises of the code and of the manifest. `harness` is what they stand on.

mod architecture;
mod harness;
mod kills;
mod stories;
