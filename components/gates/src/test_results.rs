//! What an execution's reports say, to look at.

use http::StatusCode;
use penstock_api::problem::Problem;
use penstock_domain::ExecutionId;
use penstock_guest::{Answer, Query, Request, success};
use penstock_store::{Connection, Store, TestResultFilter};
use serde_json::json;

pub async fn list<C: Connection>(store: &Store<C>, request: &Request, execution: ExecutionId) -> Answer {
    let query = Query::of(request.uri())?;
    let limit = query.limit()?;
    let filter = TestResultFilter {
        test_type: query.parse("test_type")?,
        superseded: query.parse("superseded")?.unwrap_or(false),
    };
    store.execution_status(execution).await?.ok_or_else(|| Problem::not_found("execution"))?;
    let page = store.test_results(execution, filter, query.parse("after")?, limit).await?;
    let summary = store.test_summary(execution, filter.test_type).await?;
    Ok(success(
        StatusCode::OK,
        [("test_results", json!(page.results)), ("summary", json!(summary)), ("next", json!(page.next))],
    ))
}
