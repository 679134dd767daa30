//! The subcommands that ask a server: what they share is where it is and how one talks to it.

pub mod cancel;
mod client;
mod execution;
pub mod logs;
pub mod retry;
mod sse;
pub mod status;
pub mod trigger;

use std::path::PathBuf;

use anyhow::Result;
use client::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// Which server, and who asks.
#[derive(clap::Args)]
pub struct Server {
    /// Where the server is
    #[arg(long, value_name = "URL", env = "PENSTOCK_URL", default_value = "http://127.0.0.1:3000")]
    server: String,
    /// A file with the token, or a data folder's `secrets.env` [default: the variable PENSTOCK_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Server {
    fn client(&self) -> Result<Client> {
        let token = crate::token::find(self.token_file.as_deref(), "PENSTOCK_TOKEN", "admin_token")?;
        Client::new(&self.server, token)
    }
}

/// All but what RFC 3986 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one part of a path, or one value of a query.
fn path_part(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

fn print_json(answer: &serde_json::Value) {
    println!("{answer:#}");
}
