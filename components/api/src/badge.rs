//! `GET /badge/:owner/:repo.svg`: the status as a picture.

use penstock_guest::{Answer, Params, Platform, Request};

use crate::status::{cacheable, status_of};

pub async fn show(platform: &impl Platform, request: &Request, params: &Params) -> Answer {
    let repo = params.get("repo");
    let repo = repo.strip_suffix(".svg").ok_or_else(|| penstock_api::problem::Problem::not_found("badge"))?;
    let status = status_of(platform, request, params.get("owner"), repo).await?;
    Ok(cacheable(request.headers(), "image/svg+xml", draw(&status.status)))
}

/// Text on a coloured ground; the contrast of each pair is at least 4.5 to 1.
fn draw(status: &str) -> String {
    let colour = match status {
        "succeeded" => "#1a7f37",
        "failed" | "timeout" => "#b3261e",
        "running" | "queued" => "#1f5fbf",
        _ => "#57606a",
    };
    // Seven pixels a character at this size, and six on either side.
    let (left, right) = (62, status.len() * 7 + 12);
    let width = left + right;
    let middle = left + right / 2;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" role=\"img\" \
         aria-label=\"penstock: {status}\"><title>penstock: {status}</title>\
         <rect width=\"{left}\" height=\"20\" fill=\"#24292f\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"31\" y=\"14\">penstock</text><text x=\"{middle}\" y=\"14\">{status}</text></g></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_badge_says_its_status_to_eyes_and_readers() {
        let svg = draw("failed");
        assert!(svg.contains("aria-label=\"penstock: failed\"") && svg.contains("#b3261e"));
    }
}
