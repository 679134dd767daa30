//! The subcommands that ask a server: what they share is where it is and how one talks to it.

pub mod approvals;
pub mod approve;
pub mod cancel;
mod client;
mod execution;
pub mod explain;
pub mod logs;
pub mod override_gate;
mod progress;
pub mod reject;
pub mod retry;
pub mod rollback;
mod sse;
pub mod status;
pub mod token;
pub mod trigger;

use std::path::PathBuf;

use anyhow::{Context, Result};
use client::Client;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;
use status::UNREADABLE;

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

fn print_json(answer: &Value) {
    println!("{answer:#}");
}

/// Length of a UUID's text: what is not one is a name.
const ID_LENGTH: usize = 36;

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// Pages of a list that are looked through; 200 on each.
const PAGES_MAX: usize = 100;

/// Gives the server's list to `each`, page by page, until it answers something.
fn over_pages<T>(
    client: &Client,
    path: &str,
    member: &str,
    mut each: impl FnMut(Vec<Value>) -> Option<T>,
) -> Result<Option<T>> {
    let first = if path.contains('?') { '&' } else { '?' };
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let mut page = client.get(&format!("{path}{first}limit=200{after}"))?;
        let Some(Value::Array(items)) = page.get_mut(member).map(Value::take) else {
            anyhow::bail!(UNREADABLE)
        };
        if let Some(found) = each(items) {
            return Ok(Some(found));
        }
        let Some(next) = page.get("next").and_then(Value::as_str) else { break };
        after = format!("&after={}", path_part(next));
    }
    Ok(None)
}

fn find_listed(
    client: &Client,
    path: &str,
    member: &str,
    is_wanted: impl Fn(&Value) -> bool,
) -> Result<Option<Value>> {
    over_pages(client, path, member, |items| items.into_iter().find(|item| is_wanted(item)))
}

/// All of a list, as far as it is looked through.
fn all_listed<T: serde::de::DeserializeOwned>(client: &Client, path: &str, member: &str) -> Result<Vec<T>> {
    let mut all = vec![];
    over_pages(client, path, member, |items| {
        all.extend(items);
        None::<()>
    })?;
    let all = all.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
    all.context(UNREADABLE)
}
