//! Expressions as other systems have them.

use crate::told::{check, check_if};
use expect_test::expect;

#[test]
fn what_others_call_it_is_told_by_what_it_is_called_here() {
    for (condition, expected) in [
        (
            "success",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `success` means nothing here (write `success()`)
            "#]],
        ),
        (
            "always && changed",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `always` means nothing here (write `always()`)
                9:20 /stages/1/if unknown_name: `changed` means nothing here (write `changed("src/**")`)
            "#]],
        ),
        (
            "github.ref == \"refs/heads/main\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `github` means nothing here (write `branch` or `tag`)
            "#]],
        ),
        (
            "github.ref_name == \"main\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `github` means nothing here (write `branch`)
            "#]],
        ),
        (
            "github.event.pull_request.base.ref == \"main\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `github` means nothing here (write `base_branch`)
            "#]],
        ),
        (
            "github.event.head_commit.message.contains(\"x\")",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `github` means nothing here (write `commit_message`)
            "#]],
        ),
        (
            "env.DEBUG == \"1\" && vars.DEBUG == \"1\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `env` means nothing here (write `variables.DEBUG`)
                9:30 /stages/1/if unknown_name: `vars` means nothing here (write `variables.DEBUG`)
            "#]],
        ),
        (
            "needs.build.outputs.v == \"1\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `needs` means nothing here (write `stages.build.outputs.v`)
            "#]],
        ),
        (
            "needs.build.result == \"failure\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `needs` means nothing here (write `stages.build.status`)
            "#]],
        ),
        (
            "job.status == \"failure\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `job` means nothing here (ask with `success()` or `failure()`)
            "#]],
        ),
        (
            "CI_COMMIT_BRANCH == \"main\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `CI_COMMIT_BRANCH` means nothing here (write `branch`)
            "#]],
        ),
        (
            "branch == \"main\" and event == \"push\"",
            expect![[r#"
                9:27 /stages/1/if expression_syntax: `and` means nothing here; write `&&`
            "#]],
        ),
        (
            "not success()",
            expect![[r#"
                9:10 /stages/1/if expression_syntax: `not` means nothing here; write `!`
            "#]],
        ),
        (
            "branch =~ \"main\"",
            expect![[r#"
                9:17 /stages/1/if expression_syntax: `=~` is not known; ask `.contains("…")`, `.startsWith("…")` or `.endsWith("…")`
            "#]],
        ),
        (
            "branch === \"main\"",
            expect![[r#"
                9:19 /stages/1/if expression_syntax: `===` is not known; write `==`
            "#]],
        ),
        (
            "branch !== \"main\"",
            expect![[r#"
                9:19 /stages/1/if expression_syntax: `!==` is not known; write `!=`
            "#]],
        ),
        (
            "DEBUG == \"1\"",
            expect![[r#"
                9:10 /stages/1/if unknown_name: `DEBUG` means nothing here (write `variables.DEBUG`)
            "#]],
        ),
    ] {
        check_if(condition, expected);
    }
}

#[test]
fn a_script_is_told_of_its_environment_and_not_of_what_it_may_not_hold() {
    for (run, expected) in [
        (
            "${{ env.NAME }}",
            expect![[r#"
            8:65 /stages/1/jobs/0/steps/1 unknown_name: `env` means nothing here (every variable is in the environment: write `"$NAME"`)
        "#]],
        ),
        (
            "${{ NAME }}",
            expect![[r#"
            8:65 /stages/1/jobs/0/steps/1 unknown_name: `NAME` means nothing here (every variable is in the environment: write `"$NAME"`)
        "#]],
        ),
        (
            "${{ github.sha }} ${{ github.ref_name }} ${{ github.actor }}",
            expect![[r#"
            8:65 /stages/1/jobs/0/steps/1 unknown_name: `github` means nothing here (write `commit`)
            8:83 /stages/1/jobs/0/steps/1 unknown_name: `github` means nothing here (it is in the environment: write `"$PENSTOCK_BRANCH"`)
            8:106 /stages/1/jobs/0/steps/1 unknown_name: `github` means nothing here (give it to the step as `variables: { AUTHOR: "${{ author }}" }` and write `"$AUTHOR"`)
        "#]],
        ),
        (
            "${{ variable.NAME }}",
            expect![[r#"
                8:65 /stages/1/jobs/0/steps/1 unknown_name: `variable` means nothing here (every variable is in the environment: write `"$NAME"`)
            "#]],
        ),
        (
            "${{ needs.build.outputs.v }}",
            expect![[r#"
            8:65 /stages/1/jobs/0/steps/1 unknown_name: `needs` means nothing here (give it to the step as `variables: { V: "${{ stages.build.outputs.v }}" }` and write `"$V"`)
        "#]],
        ),
        (
            "${{ steps.one.outputs.my-out }}",
            expect![[r#"
                8:65 /stages/1/jobs/0/steps/1 unknown_name: `my-out` needs brackets: `-` is a minus here (let the earlier step write `MY_OUT=value` to `$PENSTOCK_ENV`; then it is `"$MY_OUT"` here)
            "#]],
        ),
        (
            "${{ steps.one.outputs.out }}",
            expect![[r#"
            8:65 /stages/1/jobs/0/steps/1 unknown_name: `steps` can't be used in `run` (let the earlier step write `OUT=value` to `$PENSTOCK_ENV`; then it is `"$OUT"` here)
        "#]],
        ),
        (
            "${{ stages.build.outputs.my-version }}",
            expect![[r#"
                8:65 /stages/1/jobs/0/steps/1 unknown_name: `my-version` needs brackets: `-` is a minus here (give it to the step as `variables: { MY_VERSION: '${{ stages.build.outputs["my-version"] }}' }` and write `"$MY_VERSION"`)
            "#]],
        ),
    ] {
        check(
            &format!(
                r#"
variables: {{ NAME: x }}
stages:
  - {{ name: build, jobs: [{{ name: j, outputs: [v, my-version], steps: [make] }}] }}
  - name: after
    depends_on: build
    if: stages.build.outputs.v != stages.build.outputs["my-version"]
    jobs: [{{ name: j, steps: [{{ id: one, run: 'x $NAME' }}, '{run}'] }}]
"#
            ),
            expected,
        );
    }
}
