//! Who may deliver, and what.

use penstock_testkit::{github_headers, sign};
use serde_json::{Value, json};

use crate::harness::http::{Call, Reply};
use crate::harness::{Installation, Settings, WEBHOOK_SECRET};

const MAX_BYTES: usize = 25 * 1024 * 1024;
/// GitHub's published example, of the secret that is set here.
const EXAMPLE: (&[u8], &str) =
    (b"Hello, World!", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");

fn no_runner(webhook_secret: Option<&'static str>) -> Installation {
    Installation::with(Settings { runner_slots: 0, webhook_secret })
}

fn deliver(at: &Installation, headers: Vec<(&str, String)>, body: &[u8]) -> Reply {
    at.send(&Call { method: "POST", path: "/hooks/github", headers, body })
}

/// The headers of a good delivery, without its signature.
fn unsigned(body: &[u8]) -> Vec<(&'static str, String)> {
    let mut headers = github_headers("push", "one", WEBHOOK_SECRET.as_bytes(), body);
    headers.retain(|(name, _)| *name != "x-hub-signature-256");
    headers
}

#[track_caller]
fn is_problem(reply: &Reply, status: u16, code: &str) -> Value {
    let problem = reply.expect(status);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{problem}");
    assert_eq!((&problem["code"], &problem["success"]), (&json!(code), &json!(false)), "{problem}");
    assert_eq!((&problem["status"], &problem["error"]), (&json!(status), &problem["title"]), "{problem}");
    problem
}

#[test]
fn a_wrong_signature_is_refused_and_nothing_is_stored() {
    let at = no_runner(Some(WEBHOOK_SECRET));
    // The administrator's token is the first thing that is ever stored.
    let before = at.database().count("journal");
    let (body, good) = EXAMPLE;
    let of_another_secret = sign(b"another secret", body);
    let sha1 = format!("sha1={}", &good["sha256=".len()..]);
    let wrong: [Option<&str>; 12] = [
        None,
        Some(""),
        Some("sha256="),
        Some(&good[..good.len() - 1]),
        Some(&good[..good.len() - 2]),
        Some(&format!("{good}0")),
        Some(&format!("sha256={}", good["sha256=".len()..].to_uppercase())),
        Some(&good.to_uppercase()),
        Some(&good["sha256=".len()..]),
        Some(&of_another_secret),
        Some(&sha1),
        Some("sha256=\u{e9}"),
    ];
    for signature in wrong {
        let mut headers = unsigned(body);
        headers.extend(signature.map(|text| ("x-hub-signature-256", text.to_owned())));
        is_problem(&deliver(&at, headers, body), 401, "invalid_signature");
    }
    // The right signature of another body, and of one byte more or less.
    for other in [&b"Hello, World?"[..], b"Hello, World", b"Hello, World! ", b""] {
        let mut headers = unsigned(other);
        headers.push(("x-hub-signature-256", good.to_owned()));
        is_problem(&deliver(&at, headers, other), 401, "invalid_signature");
    }
    assert_eq!(at.database().count("deliveries"), 0);
    assert_eq!(at.database().count("journal"), before);
}

#[test]
fn a_good_signature_over_what_is_no_payload_is_a_400_and_is_kept_as_rejected() {
    let at = no_runner(Some(WEBHOOK_SECRET));
    let (body, good) = EXAMPLE;
    let mut headers = unsigned(body);
    headers.push(("x-hub-signature-256", good.to_owned()));
    is_problem(&deliver(&at, headers, body), 400, "invalid_json");

    let cases: [(&[u8], &str); 8] = [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{\"ref\": \"refs/heads/main\"", "invalid_json"),
        (b"\xff\xfe{}", "invalid_json"),
        (b"[]", "malformed_payload"),
        (b"{}", "malformed_payload"),
        (b"{\"ref\": 7}", "malformed_payload"),
        (b"{\"ref\": \"refs/heads/main\", \"after\": \"main\"}", "malformed_payload"),
    ];
    for (number, (body, code)) in cases.iter().enumerate() {
        let headers = github_headers("push", &format!("bad-{number}"), WEBHOOK_SECRET.as_bytes(), body);
        is_problem(&deliver(&at, headers, body), 400, code);
    }
    let database = at.database();
    assert_eq!(database.count("deliveries WHERE status = 'rejected'"), cases.len() as u32 + 1);
    assert_eq!(database.count("deliveries"), cases.len() as u32 + 1);

    let mut nameless = github_headers("push", "nameless", WEBHOOK_SECRET.as_bytes(), b"{}");
    nameless.retain(|(name, _)| *name != "x-github-event");
    is_problem(&deliver(&at, nameless, b"{}"), 400, "event_missing");
}

#[test]
fn a_body_beyond_githubs_cap_is_refused_and_one_of_just_that_size_is_taken() {
    let at = no_runner(Some(WEBHOOK_SECRET));
    let wide = |bytes: usize| {
        let mut body = b"{\"zen\": \"".to_vec();
        body.resize(bytes - 2, b'z');
        body.extend(b"\"}");
        body
    };
    let largest = wide(MAX_BYTES);
    let headers = github_headers("ping", "largest", WEBHOOK_SECRET.as_bytes(), &largest);
    assert_eq!(deliver(&at, headers, &largest).expect(202)["status"], "ignored");

    let beyond = wide(MAX_BYTES + 1);
    let headers = github_headers("ping", "beyond", WEBHOOK_SECRET.as_bytes(), &beyond);
    is_problem(&deliver(&at, headers, &beyond), 413, "body_too_large");
    assert_eq!(at.database().count("deliveries"), 1);
    at.get("/healthz");
}

#[test]
fn a_forge_whose_secret_is_not_set_is_not_believed() {
    let at = no_runner(None);
    let body = b"{}";
    for forge in ["github", "gitlab", "gitea", "bitbucket"] {
        for secret in [WEBHOOK_SECRET.as_bytes(), b""] {
            let path = format!("/hooks/{forge}");
            let headers = github_headers("push", "one", secret, body);
            let reply = at.send(&Call { method: "POST", path: &path, headers, body });
            let problem = is_problem(&reply, 503, "webhook_secret_not_configured");
            let said = problem["detail"].as_str().unwrap_or_default();
            assert!(said.contains(&format!("SPIN_VARIABLE_{}_WEBHOOK", forge.to_uppercase())), "{said}");
        }
    }
    assert_eq!(at.database().count("deliveries"), 0);
}
