//! `GET /executions/:id`: where a commit status leads. Until there is a dashboard, a plain page.

use http::{HeaderValue, StatusCode, header};
use penstock_api::problem::Problem;
use penstock_domain::ExecutionId;
use penstock_guest::{Answer, Platform, text};

/// Public pipelines show how it stands; of the others the page tells nothing but how to ask.
pub async fn show(platform: &impl Platform, id: ExecutionId) -> Answer {
    let store = platform.store().await?;
    let detail = store.execution_stages(id).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let pipeline = store.pipeline(detail.execution.pipeline_id).await?;
    let is_public = pipeline.is_some_and(|p| p.view.public_status);
    let body = if is_public {
        let e = &detail.execution;
        let rows: String = detail
            .stages
            .iter()
            .map(|s| format!("<tr><td>{}</td><td>{}</td></tr>", escape(&s.stage_name), s.status))
            .collect();
        let details =
            e.error_details.as_deref().map(|d| format!("<pre>{}</pre>", escape(d))).unwrap_or_default();
        format!(
            "<h1>{} #{}</h1><p>{} on {}</p>{details}<table><caption>Stages</caption>{rows}</table>",
            escape(&e.pipeline_name),
            e.execution_number,
            e.status,
            escape(&e.branch_name)
        )
    } else {
        "<h1>This execution is not public</h1>".to_owned()
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Penstock</title><style>body{{font:1rem/1.5 system-ui;\
         max-width:50rem;margin:2rem auto;padding:0 1rem}}td{{padding:.2rem 1rem .2rem 0}}</style><main>{body}\
         <p>Ask with a token: <code>penstock status {id}</code>, <code>penstock logs -f {id}</code></p></main></html>"
    );
    let mut response = text(StatusCode::OK, page);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
