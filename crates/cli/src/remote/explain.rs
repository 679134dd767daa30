//! `penstock explain`: an execution's whole story in its order, with who did what, and why.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Server, all_listed, path_part, print_json};
use crate::terminal::tame;

/// Tell an execution's whole story: what happened, who did it, and why
#[derive(clap::Args)]
pub struct Arguments {
    /// The execution's id
    execution: String,
    /// Print the entries as the server gives them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Of an entry, what is shown.
#[derive(Debug, Deserialize)]
struct Entry {
    at: String,
    actor: String,
    cause: String,
    #[serde(default)]
    changes: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.server.client()?;
    let path = format!("/api/v1/executions/{}/journal", path_part(&arguments.execution));
    if arguments.json {
        let entries: Vec<Value> = all_listed(&client, &path, "entries")?;
        print_json(&json!({ "entries": entries }));
    } else {
        let entries: Vec<Entry> = all_listed(&client, &path, "entries")?;
        entries.iter().for_each(|entry| println!("{}", text(entry)));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(entry: &Entry) -> String {
    let mut text = format!("{}  {} by {}", tame(&entry.at), tame(&entry.cause), tame(&entry.actor));
    for change in &entry.changes {
        let _ = write!(text, "\n    {}", tame(change));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn an_entry_is_told_with_who_and_why_and_what_it_changed() {
        let entry: Entry = serde_json::from_value(json!({
            "seq": 12, "at": "2026-01-01T00:00:00.000Z", "actor": "user:ada", "cause": "cancel",
            "changes": ["the execution is cancelled (cancelled_by_user)", "stage build is cancelled"]}))
        .unwrap();
        expect![[r#"
            2026-01-01T00:00:00.000Z  cancel by user:ada
                the execution is cancelled (cancelled_by_user)
                stage build is cancelled"#]]
        .assert_eq(&text(&entry));
    }
}
