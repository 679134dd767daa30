//! Pipelines that start each other (`then`): a circle is told when it is about to be made.
//!
//! Followed are the definitions that are here; one in a repository says what follows it only when it runs, and is
//! refused then.

use std::collections::BTreeSet;

use penstock_api::problem::Problem;
use penstock_guest::Failure;
use penstock_pipeline::parse;
use penstock_store::{Connection, Pipeline, Store};

use crate::pipelines::wrong;

/// Pipelines looked at; a longer chain ends by itself when it runs.
const MAX_FOLLOWED: usize = 50;

/// # Errors
/// 400 where the pipeline would come to start itself, with the way that leads there; and as the store.
pub async fn refuse_circle<C: Connection>(store: &Store<C>, pipeline: &Pipeline) -> Result<(), Failure> {
    let own = &pipeline.view.pipeline_name;
    let mut ways: Vec<Vec<String>> = followers(pipeline).into_iter().map(|name| vec![name]).collect();
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let Some(name) = way.last() else { continue };
        if name == own {
            let way = way.join(" → ");
            let message = format!("the pipelines would start each other in a circle: {own} → {way}");
            return Err(Problem::invalid(vec![wrong("/definition", &message)]).into());
        }
        if seen.len() >= MAX_FOLLOWED || !seen.insert(name.clone()) {
            continue;
        }
        let Some(next) = store.pipeline_by_name(name).await? else { continue };
        ways.extend(followers(&next).into_iter().map(|name| way.iter().cloned().chain([name]).collect()));
    }
    Ok(())
}

fn followers(pipeline: &Pipeline) -> Vec<String> {
    let definition = pipeline.view.definition.as_deref().and_then(|text| parse(text).definition);
    definition.map(|d| d.then.into_iter().map(|then| then.pipeline).collect()).unwrap_or_default()
}
