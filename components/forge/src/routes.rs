//! What the other components ask of this one. All of its routes are private.

use http::Method;
use penstock_guest::{Answer, Platform, Request, Route, find};

use crate::{commits, files, statuses};

#[derive(Clone, Copy)]
enum To {
    Statuses,
    File,
    Commit,
    Tag,
    Branch,
}

const ROUTES: &[Route<To>] = &[
    (Method::POST, "/internal/statuses", To::Statuses),
    (Method::POST, "/internal/files", To::File),
    (Method::POST, "/internal/commits", To::Commit),
    (Method::POST, "/internal/tags", To::Tag),
    (Method::POST, "/internal/branches", To::Branch),
];

/// # Errors
/// As answered: RFC 9457 problems.
pub async fn handle(platform: impl Platform, request: Request) -> Answer {
    let matched = find(ROUTES, request.method(), request.uri().path())?;
    match matched.to {
        To::Statuses => statuses::send_due(&platform).await,
        To::File => files::read(&platform, request).await,
        To::Commit => commits::read(&platform, request).await,
        To::Tag => commits::read_tag(&platform, request).await,
        To::Branch => commits::read_branch(&platform, request).await,
    }
}
