//! Payloads that nobody here wrote.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Installation, Settings, WEBHOOK_SECRET};

const EXAMPLES: &str = "PENSTOCK_WEBHOOK_EXAMPLES";

/// `index.json` of every server that there are examples of.
fn indexes(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder.join("package").is_dir() { folder.join("package") } else { folder.to_owned() };
    let servers = std::fs::read_dir(&folder).expect("the examples can be read").flatten();
    let mut found: Vec<_> =
        servers.map(|one| one.path().join("index.json")).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

#[test]
fn every_published_payload_of_github_is_accepted_and_worked_off() {
    let Some(folder) = std::env::var_os(EXAMPLES).map(PathBuf::from) else {
        eprintln!("skipped: {EXAMPLES} does not name an unpacked @octokit/webhooks-examples");
        return;
    };
    let at = Installation::with(Settings { runner_slots: 0, webhook_secret: Some(WEBHOOK_SECRET) });
    let mut sent = 0_u32;
    for index in indexes(&folder) {
        let index: Vec<Value> =
            serde_json::from_slice(&std::fs::read(index).expect("it can be read")).expect("JSON");
        for event in index {
            let name = event["name"].as_str().expect("the event's name");
            for example in event["examples"].as_array().expect("examples") {
                let answer = at.deliver(name, example.to_string().as_bytes());
                assert_eq!(answer.status(), 202, "{name}: {} to {example}", answer.text());
                let status = answer.json()["status"].clone();
                assert!(status == "received" || status == "ignored", "{name}: {status}");
                sent += 1;
            }
        }
    }
    assert!(sent > 500, "there were only {sent} examples");
    at.at_rest();
    let database = at.database();
    assert_eq!(database.count("deliveries"), sent);
    assert_eq!(database.count("deliveries WHERE status <> 'ignored'"), 0);
    assert!(database.count("deliveries WHERE reason = 'no_pipeline'") > 0);
}
