//! What the design promises of the code and of the manifest, read from the code and from the manifest.

mod arrows;
mod capabilities;
pub mod manifest;
mod purity;
mod sources;
