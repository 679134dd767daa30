//! What every run would answer alike.

use crate::told::{check_if, check_step_if};
use expect_test::expect;

#[test]
fn a_comparison_that_can_never_be_true_is_told() {
    for (condition, expected) in [
        (
            "variables.DEBUG == true",
            expect![[r#"
                9:20 /stages/1/if expression_type: `variables.DEBUG` is a text, and never `true` (write `"true"`)
            "#]],
        ),
        (
            "inputs.dry == \"true\"",
            expect![[r#"
                9:17 /stages/1/if expression_type: `inputs.dry` is true or false, and never `"true"` (write `inputs.dry` alone)
            "#]],
        ),
        (
            "inputs.dry != \"false\"",
            expect![[r#"
                9:17 /stages/1/if expression_type: `inputs.dry` is true or false, and never `"false"` (write `!inputs.dry`)
            "#]],
        ),
        (
            "inputs.level == \"2\"",
            expect![[r#"
                9:17 /stages/1/if expression_type: `inputs.level` is a number, and never `"2"` (write `2`, without quotes)
            "#]],
        ),
        (
            "\"1\" == number",
            expect![[r#"
                9:17 /stages/1/if expression_type: `number` is a number, and never `"1"` (write `1`, without quotes)
            "#]],
        ),
        (
            "branch == null",
            expect![[r#"
                9:10 /stages/1/if expression_type: `branch` is a text, and never `null` (what is not there is `""`)
            "#]],
        ),
        (
            "pull_request == \"7\"",
            expect![[r#"
                9:10 /stages/1/if expression_type: `pull_request` is a number, and never `"7"` (write `7`, without quotes)
            "#]],
        ),
        (
            "always() && stages[\"unit-tests\"].status == \"failure\"",
            expect![[r#"
                9:43 /stages/1/if unknown_value: `stages["unit-tests"].status` is never `failure` (did you mean `failed`? Known are pending, running, succeeded, failed, cancelled, skipped)
            "#]],
        ),
        (
            "event == \"workflow_dispatch\"",
            expect![[r#"
                9:10 /stages/1/if unknown_value: `event` is never `workflow_dispatch` (did you mean `manual`? Known are push, pull_request, schedule, manual, tag, webhook)
            "#]],
        ),
        (
            "event in [\"push\", \"pull-request\"]",
            expect![[r#"
                9:10 /stages/1/if unknown_value: `event` is never `pull-request` (did you mean `pull_request`? Known are push, pull_request, schedule, manual, tag, webhook)
            "#]],
        ),
        (
            "event != \"released\"",
            expect![[r#"
                9:10 /stages/1/if unknown_value: `event` is never `released` (known are push, pull_request, schedule, manual, tag, webhook)
            "#]],
        ),
        (
            "inputs.where == \"c\"",
            expect![[r#"
                9:17 /stages/1/if warning matches_nothing: `inputs.where` is never `c` (it is one of "", a, b)
            "#]],
        ),
        (
            "inputs.where == \"\" || inputs.level == 2.5 || branch in [\"a\", \"b\"] || event in [\"push\"]",
            expect![""],
        ),
    ] {
        check_if(condition, expected);
    }
    for (condition, expected) in [
        (
            "matrix[\"node-version\"] == 20",
            expect![[r#"
                9:38 /stages/0/jobs/0/steps/1/if expression_type: `matrix["node-version"]` is a text, and never `20` (write `"20"`)
            "#]],
        ),
        (
            "matrix.os == \"windows\"",
            expect![[r#"
                9:38 /stages/0/jobs/0/steps/1/if warning matches_nothing: `matrix.os` is never `windows` (it is one of linux, mac)
            "#]],
        ),
        (
            "steps[\"run-tests\"].status == \"success\" || steps[\"run-tests\"].status == \"failed\"",
            expect![[r#"
                9:50 /stages/0/jobs/0/steps/1/if unknown_value: `steps["run-tests"].status` is never `success` (did you mean `succeeded`? Known are pending, running, succeeded, failed, cancelled, skipped)
            "#]],
        ),
        (
            "steps[\"run-tests\"].exit_code == \"1\"",
            expect![[r#"
                9:50 /stages/0/jobs/0/steps/1/if expression_type: `steps["run-tests"].exit_code` is a number, and never `"1"` (write `1`, without quotes)
            "#]],
        ),
        (
            "steps[\"run-tests\"].outputs.x == 1",
            expect![[r#"
                9:58 /stages/0/jobs/0/steps/1/if expression_type: `steps["run-tests"].outputs.x` is a text, and never `1` (write `"1"`)
            "#]],
        ),
        (
            "steps[\"run-tests\"].exit_code == null || matrix.extra == \"\" || matrix.os == \"mac\"",
            expect![""],
        ),
    ] {
        check_step_if(condition, expected);
    }
}
