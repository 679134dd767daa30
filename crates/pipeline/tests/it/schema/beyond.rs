//! Where the parser refuses what the schema takes, each with its reason. There is no other way round.

use penstock_pipeline::{Diagnostic, code};

/// A code, and what its message says where not all of that code are meant.
const BEYOND: [(&str, &str, &str); 34] = [
    // Names and references, which are compared with other places of the file.
    (code::DUPLICATE_NAME, "", "names are compared with each other"),
    (code::UNKNOWN_STAGE, "", "names a stage elsewhere"),
    (code::UNKNOWN_STEP, "", "names a step elsewhere"),
    (code::UNKNOWN_OUTPUT, "", "names an output elsewhere"),
    (code::UNKNOWN_INPUT, "", "names an input elsewhere"),
    (code::UNKNOWN_NAME, "", "what there is where an expression or an `exclude` stands"),
    (code::UNKNOWN_FUNCTION, "", "what there is where an expression stands"),
    (code::DEPENDENCY_CYCLE, "", "stages that name each other"),
    (code::CONFLICT, "which cleans up", "names a stage elsewhere"),
    (code::CONFLICT, "would follow itself", "compares two names"),
    (code::MISSING_FIELD, "and the clock knows none", "what a schedule gives is compared with the inputs"),
    (code::BAD_VALUE, "is not one of its options", "compares a default with the options"),
    (code::BAD_VALUE, "is no number", "what a schedule gives is compared with the inputs"),
    (code::BAD_VALUE, "has to be `true` or `false`", "what a schedule gives is compared with the inputs"),
    (code::LIMIT, "which are not told", "counts what else is wrong"),
    (code::YAML, "is a tag of YAML", "JSON has no tags"),
    // Languages of their own within a text.
    (code::EXPRESSION_SYNTAX, "", "is CEL"),
    (code::EXPRESSION_TYPE, "", "is CEL"),
    (code::EXPRESSION_FAILS, "", "is CEL"),
    (code::LIMIT, "can't be within a loop", "is CEL"),
    (code::UNTRUSTED_IN_RUN, "", "is CEL"),
    (code::UNKNOWN_VALUE, "is never", "is CEL"),
    (code::INTERPOLATION_NOT_ALLOWED, "a job's name", "asks whether the job has a matrix"),
    (code::BAD_NAME, "would be", "is known when it is filled in"),
    (code::BAD_NAME, "can't be a label", "is known when it is filled in"),
    (code::BAD_PATTERN, "", "brackets and braces within a pattern"),
    (code::BAD_CRON, "", "numbers within a cron expression"),
    (code::UNKNOWN_TIME_ZONE, "", "is the world's list of time zones"),
    // What would have to be computed.
    (code::OUT_OF_RANGE, "`timeout`", "bounds of a length of time"),
    (code::OUT_OF_RANGE, "`delay`", "bounds of a length of time"),
    (code::OUT_OF_RANGE, "`interval`", "bounds of a length of time"),
    (code::OUT_OF_RANGE, "`memory`", "bounds of a size"),
    (code::OUT_OF_RANGE, "attempts can't have", "compares two numbers"),
    (code::MISSING_FIELD, "the matrix has no combination", "takes `exclude` from the product"),
];

pub fn is_beyond_a_schema(mistake: &Diagnostic) -> bool {
    BEYOND.iter().any(|(code, said, _)| *code == mistake.code && mistake.message.contains(said))
}
