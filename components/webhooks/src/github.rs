//! GitHub's deliveries.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use penstock_api::problem::Problem;
use penstock_forge::github::{DELIVERY_HEADER, EVENT_HEADER, SIGNATURE_HEADER, parse, verify};
use penstock_forge::{ParseError, Parsed, SignatureError};
use penstock_guest::{Answer, Failure, Level, Platform, Request, log};
use sha2::{Digest, Sha256};

use crate::body::arrival;
use crate::receive::{Incoming, Meaning, count_refused, keep};
use crate::routes::not_configured;

/// `sha256=` and 64 hexadecimal digits.
const SIGNATURE_BYTES: usize = 71;
const SECRET: &str = "github_webhook_secret";
/// A delivery id or event name that is longer is nobody's.
const MAX_HEADER_BYTES: usize = 200;

pub async fn receive(platform: &impl Platform, request: Request) -> Answer {
    let secret = platform.variable(SECRET).await.ok_or_else(|| not_configured(SECRET))?;
    let headers = request.headers().clone();
    if !may_be_signed(&headers) {
        // Not worth reading up to 25 MiB for.
        return refuse(platform, SignatureError::Missing).await;
    }
    // Held to the end, for as long as the body lies in memory.
    let arrived = arrival(platform, request).await?;
    let body = arrived.bytes.clone();
    let signature = headers.get(SIGNATURE_HEADER).map(http::HeaderValue::as_bytes);
    if let Err(error) = verify(secret.as_bytes(), signature, &body) {
        return refuse(platform, error).await;
    }
    let event_name = header(&headers, EVENT_HEADER);
    if event_name.is_empty() {
        return Err(Problem::bad_request("event_missing", "the header X-GitHub-Event is missing").into());
    }
    let key = delivery_key(&headers, &body);
    let (meaning, error) = read(&event_name, &body)?;
    let incoming = Incoming { forge: "github", key: &key, event_name: &event_name, meaning, payload: body };
    let answer = keep(platform, incoming).await?;
    error.map_or(Ok(answer), Err)
}

/// Whether there is a signature of the right form at all.
fn may_be_signed(headers: &HeaderMap) -> bool {
    let value = headers.get(SIGNATURE_HEADER).map(http::HeaderValue::as_bytes).unwrap_or_default();
    value.len() == SIGNATURE_BYTES && value.starts_with(b"sha256=")
}

async fn refuse(platform: &impl Platform, error: SignatureError) -> Answer {
    count_refused(platform, "github").await;
    log(Level::Warn, platform.request_id(), &format!("a GitHub webhook was refused: {error}"));
    Err(invalid_signature().into())
}

/// What the delivery means, and the error to answer where it means nothing that can be understood.
fn read(event_name: &str, body: &Bytes) -> Result<(Meaning, Option<Failure>), Failure> {
    Ok(match parse(event_name, body) {
        Ok(Parsed::Event(event)) => {
            let text = serde_json::to_string(&event).map_err(|e| Failure::Internal(Box::new(e)))?;
            let repository_keys = event.repository.keys().into_iter().collect();
            (Meaning::Event { text, repository_keys }, None)
        }
        Ok(Parsed::Ignored(reason)) => (Meaning::Ignored(reason.as_str()), None),
        Err(error) => (Meaning::Rejected(error.code()), Some(rejected(&error).into())),
    })
}

fn rejected(error: &ParseError) -> Problem {
    Problem::bad_request(error.code(), error.to_string())
}

fn invalid_signature() -> Problem {
    let detail = "the signature is missing or does not fit; set the same secret at the forge as here";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_signature", "Invalid signature", detail)
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.chars().take(MAX_HEADER_BYTES).collect()
}

/// GitHub's id of the delivery; from a sender that gives none, equal bodies are equal deliveries.
fn delivery_key(headers: &HeaderMap, body: &[u8]) -> String {
    match header(headers, DELIVERY_HEADER) {
        key if key.is_empty() => {
            let hex: String = Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect();
            format!("sha256:{hex}")
        }
        key => key,
    }
}
