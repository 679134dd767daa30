//! What comes after an execution: the pipelines that its file starts when it has ended.
//!
//! Only which of them, and with what; whether they are there, and may be started, is found out by who starts them.

use penstock_domain::ExecutionStatus;
use penstock_pipeline::{Facts, PlannedSuccessor, fill_late, fill_parameters, may_start};

use crate::change::{EffectKind, SuccessorDue};
use crate::draft::Draft;

/// Pipelines in a row. A chain that is longer is a circle by other means.
pub const MAX_CHAIN: usize = 10;

/// The execution has ended.
pub(crate) fn start(draft: &mut Draft) {
    let context = &draft.state.execution.context;
    if penstock_domain::bugs::is_on("nothing_follows") {
        return;
    }
    // What a stranger wrote starts nothing else; what is brought back was followed by this before.
    if context.from_fork || context.takes_back.is_some() {
        return;
    }
    for successor in context.then.clone() {
        match due(draft, &successor) {
            Ok(Some(due)) => {
                let topic = format!("then:{}:{}", draft.state.execution.id, due.pipeline);
                draft.effect(topic, EffectKind::StartPipeline(due));
            }
            Ok(None) => {}
            Err(why) => {
                let text = format!("`{}` is not started: {why}", successor.pipeline);
                draft.touch_execution().error_details.get_or_insert(text);
            }
        }
    }
}

fn due(draft: &Draft, successor: &PlannedSuccessor) -> Result<Option<SuccessorDue>, String> {
    let execution = &draft.state.execution;
    let context = &execution.context;
    let (stages, outputs) = (draft.stage_statuses(), draft.state.outputs());
    let mut variables = context.variables.clone();
    let matrix = std::collections::BTreeMap::new();
    let facts = Facts {
        success: execution.status == ExecutionStatus::Succeeded,
        failure: matches!(execution.status, ExecutionStatus::Failed | ExecutionStatus::Timeout),
        cancelled: execution.status == ExecutionStatus::Cancelled,
        stages: &stages,
        outputs: &outputs,
        matrix: &matrix,
        run: &context.run,
        variables: &context.variables,
    };
    fill_late(&context.late, &mut variables, &facts).map_err(|e| e.to_string())?;
    let facts = Facts { variables: &variables, ..facts };
    if !may_start(successor.condition.as_deref(), &facts).map_err(|e| e.to_string())? {
        return Ok(None);
    }
    let parameters = fill_parameters(successor, &facts).map_err(|e| e.to_string())?;
    let mut chain = context.chain.clone();
    chain.push(execution.pipeline_id);
    Ok(Some(SuccessorDue {
        pipeline: successor.pipeline.clone(),
        branch: context.run.branch.clone(),
        commit_sha: context.run.commit_sha.clone(),
        named_branch: successor.branch.clone(),
        parameters,
        chain,
        after: execution.id,
        after_pipeline: context.run.pipeline_name.clone(),
        after_number: execution.number,
        authors: context.authors.clone(),
    }))
}
