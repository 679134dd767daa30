//! Files, and what is told and planned of them.
#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

mod added;
mod bad_delivery;
mod bad_expressions;
mod bad_files;
mod bad_values;
mod comparisons;
mod conditions;
mod corpora;
mod delivery;
mod drawn;
mod elsewhere;
mod expressions;
mod hints;
mod limits;
mod matrix;
mod outputs;
mod planning;
mod resources;
mod schema;
mod speed;
mod start;
mod steps;
mod told;
mod triggers;
mod warnings;
mod work;
mod yaml;
