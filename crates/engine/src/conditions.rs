//! What an `if` is asked on: the stages that were, what they handed on, and the variables of the level.

use std::collections::BTreeMap;

use penstock_domain::ExecutionStatus;
use penstock_pipeline::{ExpressionError, Facts, Late, Outputs, evaluate, fill_late};

use crate::draft::Draft;
use crate::model::Stage;

/// Whether what depends on the stage is let down by it: it failed, or was itself let down.
pub(crate) fn let_down(stage: &Stage) -> bool {
    use penstock_domain::{Reason, WorkStatus};
    match stage.status {
        WorkStatus::Failed => !stage.continue_on_error,
        WorkStatus::Cancelled => true,
        WorkStatus::Skipped => {
            stage.reason == Some(Reason::DependencyFailed)
                && !penstock_domain::bugs::is_on("skip_not_handed_on")
        }
        _ => false,
    }
}

/// What a stage or one of its jobs asks.
pub(crate) struct Question<'a> {
    pub condition: &'a str,
    /// Something that it depends on let it down.
    pub failed: bool,
    pub variables: &'a BTreeMap<String, String>,
    pub late: &'a [Late],
    pub matrix: &'a BTreeMap<String, String>,
}

/// # Errors
/// Why there is no answer, in a sentence.
pub(crate) fn ask(draft: &Draft, question: &Question<'_>) -> Result<bool, String> {
    with_facts(draft, question.failed, question.matrix, question.variables, question.late, |facts| {
        evaluate(question.condition, facts)
    })
}

/// Gives `answer` the facts, with the late variables of all levels filled in.
///
/// # Errors
/// As [`ask`].
pub(crate) fn with_facts<T>(
    draft: &Draft,
    failed: bool,
    matrix: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
    late: &[Late],
    answer: impl FnOnce(&Facts<'_>) -> Result<T, ExpressionError>,
) -> Result<T, String> {
    let context = &draft.state.execution.context;
    let stages = draft.stage_statuses();
    let outputs: Outputs = draft.state.outputs();
    let ending = draft.state.execution.ending.map(|e| e.status);
    let mut variables = context.variables.clone();
    let facts = Facts {
        success: !failed && ending.is_none(),
        failure: failed || ending == Some(ExecutionStatus::Timeout),
        cancelled: ending == Some(ExecutionStatus::Cancelled),
        stages: &stages,
        outputs: &outputs,
        matrix,
        run: &context.run,
        variables: &context.variables,
    };
    let told = |e: ExpressionError| e.to_string();
    fill_late(&context.late, &mut variables, &facts).map_err(told)?;
    variables.extend(own.clone());
    fill_late(late, &mut variables, &facts).map_err(told)?;
    answer(&Facts { variables: &variables, ..facts }).map_err(told)
}
