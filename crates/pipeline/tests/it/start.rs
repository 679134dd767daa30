//! What starts a pipeline besides a push: inputs, the clock, somebody's own events, another pipeline; and how many
//! run at once.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use penstock_domain::{Timestamp, TriggerEvent};
use penstock_pipeline::{
    Definition, Missed, Plan, RunContext, Scalar, Schedule, Trigger, missed, next_run, parse, plan,
};

const STAGES: &str = "stages: [{ name: a, jobs: [{ name: b, outputs: [o], steps: [make] }] }]";

fn lines(diagnostics: &[penstock_pipeline::Diagnostic]) -> String {
    let line = |d: &penstock_pipeline::Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {} {}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    diagnostics.iter().map(line).collect()
}

/// What is wrong with a pipeline that has `members`.
fn check(members: &str, expected: Expect) {
    let parsed = parse(&format!("{members}\n{STAGES}"));
    let errors: Vec<_> = parsed.errors().cloned().collect();
    expected.assert_eq(&lines(&errors));
}

fn definition(members: &str) -> Definition {
    let text = if members.contains("stages:") { members.to_owned() } else { format!("{members}\n{STAGES}") };
    let parsed = parse(&text);
    assert!(parsed.errors().next().is_none(), "{}", lines(&parsed.diagnostics));
    parsed.definition.expect("there is no error")
}

fn run(event: TriggerEvent) -> RunContext {
    RunContext { event, event_name: Some("deploy".to_owned()), ..crate::told::push_to_main() }
}

fn planned(members: &str, context: &RunContext) -> Plan {
    plan(&definition(members), context).expect("it can be planned")
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const INPUTS: &str = r#"
on:
  manual:
    inputs:
      version: { required: true, description: What to ship }
      count: { type: number, default: 2 }
      dry: { type: boolean }
      where: { type: choice, options: [staging, production], default: staging }
      note:
stages:
  - name: a
    if: inputs.count > 1 && !inputs.dry && inputs.where == "staging" && inputs.note == ""
    jobs: [{ name: b, steps: ['x ${{ inputs.count }} ${{ inputs.dry }} ${{ inputs.where }} $version'] }]
"#;

#[test]
fn what_a_run_is_given_is_checked_and_filled_up() {
    let definition = definition(INPUTS);
    let (variables, inputs) =
        definition.check_inputs(&texts(&[("version", "1.2"), ("count", "3.5")])).expect("it is right");
    assert_eq!(variables, texts(&[("count", "3.5"), ("version", "1.2"), ("where", "staging")]));
    let given = |name: &str| inputs.get(name).cloned().expect("it is there");
    assert_eq!(given("count"), Scalar::Number(3.5));
    assert_eq!(given("dry"), Scalar::Boolean(false));
    assert_eq!(
        (given("where"), given("note")),
        (Scalar::Text("staging".to_owned()), Scalar::Text(String::new()))
    );
    let context = RunContext { variables, inputs, ..run(TriggerEvent::Manual) };
    let plan = plan(&definition, &context).expect("it can be planned");
    assert_eq!(plan.stages[0].jobs[0].steps[0].run, "x 3.5 false staging $version");

    let wrong =
        texts(&[("versoin", ""), ("count", "1; reboot"), ("dry", "yes"), ("where", "stagin"), ("zzz", "")]);
    let problems = definition.check_inputs(&wrong).expect_err("it is wrong");
    let problems: Vec<String> = problems.iter().map(|p| format!("{} {}", p.name, p.message)).collect();
    expect![[r#"
        count is no number
        dry has to be `true` or `false`
        version has to be given
        versoin is no input of the pipeline; did you mean `version`?
        where is not one of its options; did you mean `staging`?
        zzz is no input of the pipeline, which has version, count, dry, where, note"#]]
    .assert_eq(&problems.join("\n"));
}

#[test]
fn a_run_that_nobody_starts_by_hand_has_the_defaults() {
    let definition = definition(INPUTS);
    let mut context = run(TriggerEvent::Push);
    definition.fill_inputs(&mut context);
    assert_eq!(context.variables, texts(&[("count", "2"), ("where", "staging")]));
    assert_eq!(context.inputs["version"], Scalar::Text(String::new()));
    // Planning does not depend on somebody having done so.
    assert_eq!(plan(&definition, &run(TriggerEvent::Push)), plan(&definition, &context));
    assert_eq!(planned(INPUTS, &context).stages[0].jobs[0].steps[0].run, "x 2 false staging $version");
}

#[test]
fn where_no_inputs_are_named_anything_may_be_given() {
    let given = texts(&[("ANY", "thing")]);
    assert_eq!(definition("").check_inputs(&given), Ok((given, BTreeMap::new())));
}

#[test]
fn no_value_gets_into_a_script_that_the_file_does_not_allow() {
    let inputs = [("where".to_owned(), Scalar::Text("$(reboot)".to_owned()))].into();
    let refused = plan(&definition(INPUTS), &RunContext { inputs, ..run(TriggerEvent::Manual) });
    expect![[r#"
        0:0 /inputs/where bad_value: the input `where` has a value that is not of its type (give one that the file allows)
    "#]].assert_eq(&lines(&refused.expect_err("it is refused")));
    let parsed = parse(
        "on: { manual: { inputs: { t: , n: { type: number } } } }\nstages: [{ name: a, jobs: [{ name: b, steps: ['x ${{ inputs.t }} ${{ inputs.nn }} ${{ inputs.n }}', { run: x, if: 'inputs.n == \"\" && inputs.m' }] }] }]",
    );
    expect![[r#"
        2:61 /stages/0/jobs/0/steps/0 untrusted_in_run: the input `t` may hold any text, and in a script text becomes commands (every input is in the environment: write `"$t"`)
        2:77 /stages/0/jobs/0/steps/0 unknown_input: there is no input `nn` (declare it in `on.manual.inputs`; known are n, t)
        2:123 /stages/0/jobs/0/steps/1/if expression_type: `inputs.n` is a number, and never `""` (compare it with a number)
        2:141 /stages/0/jobs/0/steps/1/if unknown_input: there is no input `m` (declare it in `on.manual.inputs`; known are n, t)
    "#]].assert_eq(&lines(&parsed.diagnostics));
}

#[test]
fn an_input_that_could_not_be_given_is_refused() {
    for (inputs, expected) in [
        (
            "[]",
            expect![[r#"
            1:25 /on/manual/inputs wrong_type: `inputs` has to be a mapping, and this is a list (write `inputs: { version: { type: string, required: true } }`)
        "#]],
        ),
        (
            "{ a-b: , PATH: , PENSTOCK_X: , 1: }",
            expect![[r#"
                1:27 /on/manual/inputs/a-b bad_name: `a-b` can't be a variable: letters, digits and `_` can, not beginning with a digit (call the input something else; it is a variable of every step)
                1:34 /on/manual/inputs/PATH bad_name: `PATH` would change what runs, which a parameter can't (call the input something else; it is a variable of every step)
                1:42 /on/manual/inputs/PENSTOCK_X bad_name: `PENSTOCK_X`: variables that begin with `PENSTOCK` are set by the runner (call the input something else; it is a variable of every step)
                1:56 /on/manual/inputs/1 bad_name: `1` can't be a variable: letters, digits and `_` can, not beginning with a digit (call the input something else; it is a variable of every step)
            "#]],
        ),
        (
            "{ a: string }",
            expect![[r#"
                1:30 /on/manual/inputs/a wrong_type: an input has to be a mapping, and this is `string` (known are type, required, default, options, description)
            "#]],
        ),
        (
            "{ a: { type: text } }",
            expect![[r#"
            1:38 /on/manual/inputs/a/type unknown_value: an input's `type` can't be `text` (known are string, number, boolean, choice)
        "#]],
        ),
        (
            "{ a: { type: choice } }",
            expect![[r#"
            1:30 /on/manual/inputs/a missing_field: an input of type `choice` needs `options` (write `options: [staging, production]`)
        "#]],
        ),
        (
            "{ a: { type: choice, options: [] } }",
            expect![[r#"
            1:55 /on/manual/inputs/a/options missing_field: `options` holds nothing to choose from (write a list such as `[staging, production]`)
        "#]],
        ),
        (
            "{ a: { type: choice, options: [x, x, '${{ branch }}'], default: y } }",
            expect![[r#"
            1:62 /on/manual/inputs/a/options/2 interpolation_not_allowed: an option can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
            1:89 /on/manual/inputs/a/default bad_value: `default` is not one of its options, which are x (it has to be of the input's type)
        "#]],
        ),
        (
            "{ a: { type: number, default: many, options: [1] }, b: { type: boolean, default: 1 } }",
            expect![[r#"
                1:55 /on/manual/inputs/a/default bad_value: `default` is no number (it has to be of the input's type)
                1:70 /on/manual/inputs/a/options conflicting_fields: only an input of type `choice` has `options` (write `type: choice`)
                1:106 /on/manual/inputs/b/default bad_value: `default` has to be `true` or `false` (it has to be of the input's type)
            "#]],
        ),
        (
            "{ a: { default: '${{ branch }}', requried: true, choices: [] } }",
            expect![[r#"
            1:41 /on/manual/inputs/a/default interpolation_not_allowed: `default` can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
            1:58 /on/manual/inputs/a/requried unknown_field: an input has no `requried` (did you mean `required`? Known are type, required, default, options, description)
            1:74 /on/manual/inputs/a/choices unknown_field: an input has no `choices` (write `options`)
        "#]],
        ),
    ] {
        check(&format!("on: {{ manual: {{ inputs: {inputs} }} }}"), expected);
    }
    assert!(
        definition("on: { manual: { inputs: { a: { options: [x, y] } } } }").inputs[0].kind
            != penstock_pipeline::InputKind::String
    );
}

fn schedule(cron: &str, timezone: &str) -> Schedule {
    let text = format!("on: {{ schedule: [{{ cron: '{cron}', timezone: '{timezone}' }}] }}");
    definition(&text).triggers.schedule.remove(0)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("it is a time")
}

/// The next few times after `after`.
fn next_few(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(cron, timezone);
    let mut last = at(after);
    let mut times = vec![];
    for _ in 0..count {
        let next = next_run(&schedule, last).expect("there is a next time");
        assert!(next.since_ms(last) > 0);
        times.push(next.to_string().trim_end_matches(":00.000Z").to_owned());
        last = next;
    }
    times
}

#[test]
fn the_clock_is_read_in_the_time_zone_of_the_schedule() {
    assert_eq!(
        next_few("0 3 * * *", "UTC", "2026-01-31T03:00:00Z", 2),
        ["2026-02-01T03:00", "2026-02-02T03:00"]
    );
    assert_eq!(
        next_few("30 3 * * 1-5", "Europe/Berlin", "2026-07-03T12:00:00Z", 2),
        ["2026-07-06T01:30", "2026-07-07T01:30"]
    );
    assert_eq!(
        next_few("*/20 9 * * *", "Asia/Kolkata", "2026-07-03T03:31:00Z", 3),
        ["2026-07-03T03:50", "2026-07-03T04:10", "2026-07-04T03:30"]
    );
    assert_eq!(next_few("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00"]);
    assert_eq!(
        next_few("0 12 1 jan mon", "UTC", "2026-01-01T12:00:00Z", 2),
        ["2026-01-05T12:00", "2026-01-12T12:00"]
    );
    assert_eq!(
        next_few("* * * * *", "UTC", "2026-01-01T00:00:59.999Z", 2),
        ["2026-01-01T00:01", "2026-01-01T00:02"]
    );
}

#[test]
fn a_time_that_does_not_exist_runs_at_the_next_one_that_does() {
    // In Berlin, clocks go from 02:00 to 03:00 on 2026-03-29, at 01:00 UTC.
    assert_eq!(
        next_few("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]
    );
    // Once, though several times were left out.
    assert_eq!(
        next_few("*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 4),
        ["2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40", "2026-03-30T00:00"]
    );
    // Half an hour: Lord Howe.
    assert_eq!(
        next_few("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2),
        ["2026-10-03T15:30", "2026-10-04T15:15"]
    );
    // A whole day that never was: Samoa.
    assert_eq!(
        next_few("0 8 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 2),
        ["2011-12-30T10:00", "2012-12-29T18:00"]
    );
}

#[test]
fn a_time_that_exists_twice_runs_once() {
    // In Berlin, clocks go from 03:00 back to 02:00 on 2026-10-25, at 01:00 UTC.
    assert_eq!(
        next_few("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30", "2026-10-26T01:30"]
    );
    assert_eq!(next_few("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1), ["2026-10-26T01:30"]);
    assert_eq!(
        next_few("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3),
        ["2026-10-25T00:00", "2026-10-25T02:00", "2026-10-25T03:00"]
    );
}

#[test]
fn what_was_missed_is_done_once_or_not_at_all() {
    let often = schedule("*/5 * * * *", "UTC");
    let due = at("2026-01-01T00:00:00Z");
    assert_eq!(missed(&often, due, at("2026-01-01T00:59:00Z")), Missed::Run);
    // Its last time was a moment ago, whenever its first one was.
    assert_eq!(missed(&often, due, at("2026-03-01T01:01:00Z")), Missed::Run);
    let mornings = schedule("*/5 0-5 * * *", "UTC");
    assert_eq!(missed(&mornings, due, at("2026-01-03T06:50:00Z")), Missed::Run);
    // The next time is a night away: half of that is tolerated.
    assert_eq!(missed(&mornings, due, at("2026-01-03T14:57:00Z")), Missed::Run);
    assert_eq!(
        missed(&mornings, due, at("2026-01-03T14:58:00Z")),
        Missed::SkipTo(Some(at("2026-01-04T00:00:00Z")))
    );
    let daily = schedule("0 0 * * *", "UTC");
    assert_eq!(missed(&daily, due, at("2026-01-01T11:59:00Z")), Missed::Run);
    assert_eq!(
        missed(&daily, due, at("2026-01-01T12:01:00Z")),
        Missed::SkipTo(Some(at("2026-01-02T00:00:00Z")))
    );
    assert_eq!(missed(&daily, due, at("2026-01-03T00:30:00Z")), Missed::Run);
    let yearly = schedule("0 0 1 1 *", "UTC");
    assert_eq!(missed(&yearly, due, at("2026-01-01T23:00:00Z")), Missed::Run);
    assert_eq!(
        missed(&yearly, due, at("2026-01-02T00:01:00Z")),
        Missed::SkipTo(Some(at("2027-01-01T00:00:00Z")))
    );
}

#[test]
fn a_schedule_that_can_not_be_read_never_runs() {
    for (cron, timezone) in [("* * * *", "UTC"), ("0 0 30 2 *", "UTC"), ("* * * * *", "Mars/Base")] {
        let schedule = Schedule {
            cron: cron.to_owned(),
            timezone: timezone.to_owned(),
            branch: None,
            parameters: BTreeMap::new(),
        };
        assert_eq!(next_run(&schedule, at("2026-01-01T00:00:00Z")), None, "{cron} {timezone}");
        assert_eq!(
            missed(&schedule, at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")),
            Missed::SkipTo(None)
        );
    }
    let schedule = schedule("* * * * *", "UTC");
    for ms in [i64::MIN, i64::MAX] {
        let _ = next_run(&schedule, Timestamp::from_millis(ms));
    }
}

#[test]
fn a_schedule_says_when_and_with_what() {
    let triggers = definition(
        r#"
on:
  manual: { inputs: { level: { type: number, required: true } } }
  schedule:
    - { cron: "0  3 * * *", inputs: { level: 3 } }
    - { cron: "0 4 * * SUN", timezone: europe/berlin, branch: next, variables: { level: "4" } }
"#,
    )
    .triggers;
    assert_eq!(triggers.events(), [TriggerEvent::Manual, TriggerEvent::Schedule]);
    let facts: Vec<_> = triggers
        .schedule
        .iter()
        .map(|s| (s.cron.as_str(), s.timezone.as_str(), s.branch.as_deref(), s.parameters.clone()))
        .collect();
    assert_eq!(
        facts,
        [
            ("0 3 * * *", "UTC", None, texts(&[("level", "3")])),
            ("0 4 * * SUN", "Europe/Berlin", Some("next"), texts(&[("level", "4")])),
        ]
    );
    for (schedule, expected) in [
        (
            "",
            expect![[r#"
                1:7 /on/schedule wrong_type: `schedule` has to be a list, and this is nothing (write `schedule: [{ cron: "0 3 * * *" }]`)
            "#]],
        ),
        (
            "[]",
            expect![[r#"
            1:17 /on/schedule missing_field: `schedule` holds no schedule (write `schedule: [{ cron: "0 3 * * *" }]`)
        "#]],
        ),
        (
            "daily",
            expect![[r#"
                1:17 /on/schedule wrong_type: `schedule` has to be a list, and this is `daily` (write `schedule: [{ cron: "0 3 * * *" }]`)
            "#]],
        ),
        (
            "[{}]",
            expect![[r#"
            1:18 /on/schedule/0 missing_field: a schedule needs `cron` (write `cron: "0 3 * * *"`, which is every night at three)
        "#]],
        ),
        (
            "[{ cron: '0 3 * *' }, { cron: '0 0 3 * * *' }, { cron: '@daily' }]",
            expect![[r#"
            1:26 /on/schedule/0/cron bad_cron: a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has 4 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
            1:47 /on/schedule/1/cron bad_cron: a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has 6 (leave seconds and years out: `30 3 * * 1-5`)
            1:72 /on/schedule/2/cron bad_cron: a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has 1 (write `0 0 * * *`)
        "#]],
        ),
        (
            "[{ cron: '61 3 * * *' }, { cron: '0 3 * * FUN' }, { cron: '0 3 0 * *' }, { cron: '0 0 31 2,4 *' }]",
            expect![[r#"
                1:26 /on/schedule/0/cron bad_cron: `61` is no minute of a cron expression, which is from 0 to 59 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
                1:50 /on/schedule/1/cron bad_cron: `FUN` is no day of the week of a cron expression, which is from 0 to 7 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
                1:75 /on/schedule/2/cron bad_cron: `0` is no day of the month of a cron expression, which is from 1 to 31 (write it like `30 3 * * 1-5`: at half past three, Monday to Friday)
                1:98 /on/schedule/3/cron bad_cron: there is never such a day (compare the day of the month with the month)
            "#]],
        ),
        (
            "[{ cron: '0 3 * * *', timezone: Berlin, branch: '' }, { cron: '0 3 * * *', timezone: 'EST5EDT,M3.2.0,M11.1.0' }]",
            expect![[r#"
                1:49 /on/schedule/0/timezone unknown_time_zone: there is no time zone `Berlin` (write it as a region and a city, such as `Europe/Berlin`, or `UTC`)
                1:65 /on/schedule/0/branch bad_value: `branch` has to be the name of a branch (write it like `main`; left out, it is the repository's default branch)
                1:102 /on/schedule/1/timezone unknown_time_zone: there is no time zone `EST5EDT,M3.2.0,M11.1.0` (write it as a region and a city, such as `Europe/Berlin`, or `UTC`)
            "#]],
        ),
        (
            "[{ cron: '0 3 * * *', inputs: { PATH: x, 'a b': x, OK: '${{ branch }}' }, variables: {} }]",
            expect![[r#"
                1:49 /on/schedule/0/inputs/PATH bad_name: `PATH` would change what runs, which a parameter can't (set it as a variable of the pipeline)
                1:58 /on/schedule/0/inputs/a b bad_name: `a b` can't be a variable: letters, digits and `_` can, not beginning with a digit (set it as a variable of the pipeline)
                1:72 /on/schedule/0/inputs/OK interpolation_not_allowed: a value can't hold `${{ }}` (it is filled in within `variables`, `run`, `version` and a few more; this has to be written out)
                1:91 /on/schedule/0/variables duplicate_key: `inputs` and `variables` are the same here (keep `inputs`)
            "#]],
        ),
    ] {
        check(&format!("on: {{ schedule: {schedule} }}"), expected);
    }
    check(
        "on: { manual: { inputs: { n: { type: number, required: true } } }, schedule: [{ cron: '0 3 * * *', inputs: { nn: 1 } }, { cron: '0 3 * * *', inputs: { n: x } }] }",
        expect![[r#"
            1:79 /on/schedule/0 missing_field: the input `n` has to be given, and the clock knows none (write `inputs: { n: … }`, or give the input a `default`)
            1:110 /on/schedule/0/inputs/nn unknown_input: there is no input `nn` (the inputs are n)
            1:155 /on/schedule/1/inputs/n bad_value: `n` is no number (it has to be of the input's type)
        "#]],
    );
    check(
        "on: [schedule, webhook]",
        expect![[r#"
        1:6 /on/0 missing_field: `schedule` has to say when (write `on: { schedule: [{ cron: "0 3 * * *" }] }`)
    "#]],
    );
}

#[test]
fn somebodys_own_events_are_chosen_by_name() {
    let admits = |on: &str, name: Option<&str>| {
        let trigger = Trigger {
            event: TriggerEvent::Webhook,
            branch: "main",
            tag: None,
            changed_paths: None,
            action: None,
            event_name: name,
        };
        definition(on).admits(&trigger).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(admits("on: webhook", Some("any")), Ok(()));
    assert_eq!(admits("on: { webhook: }", None), Ok(()));
    assert_eq!(admits("on: { webhook: {} }", Some("any")), Ok(()));
    let on = "on: { webhook: { events: [deploy, 'release-*'] } }";
    assert_eq!(admits(on, Some("release-1")), Ok(()));
    assert_eq!(
        admits(on, Some("other")),
        Err("event `other` does not match `on.webhook`: `deploy`, `release-*`".to_owned())
    );
    check(
        "on: { webhook: { event: x, events: ['a**'] } }",
        expect![[r#"
        1:18 /on/webhook/event unknown_field: `webhook` has no `event` (did you mean `events`? Known are events)
        1:37 /on/webhook/events/0 bad_pattern: `**` has to be a whole segment, such as `release/**` or `**/*.md`
    "#]],
    );
}

#[test]
fn what_happened_to_a_pull_request_may_be_chosen() {
    let admits = |on: &str, action: Option<&str>| {
        let trigger = Trigger {
            event: TriggerEvent::PullRequest,
            branch: "main",
            tag: None,
            changed_paths: None,
            action,
            event_name: None,
        };
        definition(on).admits(&trigger).map_err(|refusal| refusal.to_string())
    };
    let on = "on: { pull_request: { types: [opened, reopened] } }";
    assert_eq!(admits(on, Some("opened")), Ok(()));
    assert_eq!(admits(on, None), Ok(()));
    assert_eq!(
        admits(on, Some("synchronize")),
        Err("the pull request was synchronize, and `on.pull_request.types` has `opened`, `reopened`"
            .to_owned())
    );
    assert_eq!(
        admits("on: { pull_request: { events: ready_for_review } }", Some("ready_for_review")),
        Ok(())
    );
    check(
        "on: { pull_request: { types: [open, closed], events: [] }, push: { types: [opened] } }",
        expect![[r#"
            1:31 /on/pull_request/types/0 unknown_value: a type can't be `open` (known are opened, reopened, synchronize, ready_for_review)
            1:37 /on/pull_request/types/1 not_supported_yet: a type `closed` is not supported yet (it starts when a pull request is opened, reopened, gets commits or is ready for review)
            1:46 /on/pull_request/events duplicate_key: `types` and `events` are the same here (keep `types`)
            1:68 /on/push/types unknown_field: `push` has no `types` (known are branches, paths, paths_ignore)
        "#]],
    );
    check(
        "on: { pull_request: { types: [] } }",
        expect![[r#"
        1:30 /on/pull_request/types missing_field: `types` holds nothing, so that no pull request could start it (leave it out to let every one start it)
    "#]],
    );
}

#[test]
fn a_group_of_executions_has_its_own_limit() {
    let group = |members: &str| {
        let plan = planned(members, &run(TriggerEvent::Push));
        (plan.max_concurrent, plan.concurrency.map(|c| (c.group, c.limit, c.cancel_in_progress)))
    };
    assert_eq!(
        group(
            "variables: { A: x }\nconcurrency: { group: 'web-${{ branch }}-${{ variables.A }}', cancel_in_progress: true }"
        ),
        (None, Some(("web-main-x".to_owned(), 1, true)))
    );
    assert_eq!(
        group("max_concurrent: 3\nconcurrency: { group: g, limit: 2 }"),
        (Some(3), Some(("g".to_owned(), 2, false)))
    );
    assert_eq!(group("concurrency: { limit: 2 }"), (Some(2), None));
    for (concurrency, expected) in [
        (
            "{ cancel_in_progress: true, limit: 1 }",
            expect![[r#"
            1:36 /concurrency/cancel_in_progress missing_field: `cancel_in_progress` needs a `group` (write `group: "web-${{ branch }}"`; a new execution then ends the older ones of its group)
        "#]],
        ),
        (
            "{ group: '${{ stages.a.status }}', limit: 0, cancel-in-progress: true }",
            expect![[r#"
            1:28 /concurrency/group unknown_name: `stages` can't be used in this text, which is filled in before anything runs (set a variable from it, and let a step use that)
            1:56 /concurrency/limit out_of_range: `limit` has to be from 1 to 1000, and this is 0
            1:59 /concurrency/cancel-in-progress unknown_field: `concurrency` has no `cancel-in-progress` (write `cancel_in_progress`)
        "#]],
        ),
        (
            "{ group: \"a\\nb\" }",
            expect![[r#"
            1:23 /concurrency/group bad_value: `group` has to be one line of text (write it like `web-${{ branch }}`)
        "#]],
        ),
        (
            "{}",
            expect![[r#"
            1:14 /concurrency missing_field: `concurrency` needs `limit` (write `limit: 1`)
        "#]],
        ),
    ] {
        check(&format!("concurrency: {concurrency}"), expected);
    }
    let refused = plan(&definition("concurrency: { group: '${{ tag }}' }"), &run(TriggerEvent::Push));
    expect![[r#"
        1:28 /concurrency/group bad_value: `group` comes to nothing for this run (put a word before it: `web-${{ branch }}`)
    "#]].assert_eq(&lines(&refused.expect_err("it is refused")));
}

#[test]
fn another_pipeline_may_follow() {
    let plan = planned(
        r#"
variables: { LEVEL: "1", FOUND: "${{ stages.a.outputs.o }}" }
then:
  - pipeline: deploy
    if: stages.a.status == "succeeded" && stages.a.outputs.o != ""
    branch: "release/${{ number }}"
    parameters: { LEVEL: "${{ variables.LEVEL }}", O: "${{ stages.a.outputs.o }}", F: "${{ variables.FOUND }}", S: "${{ stages.a.status }}" }
  - { pipeline: report, if: failure(), variables: { A: b } }
"#,
        &run(TriggerEvent::Push),
    );
    expect![[r#"
        [
          {
            "pipeline": "deploy",
            "condition": "stages.a.status == \"succeeded\" && stages.a.outputs.o != \"\"",
            "branch": "release/7",
            "parameters": {
              "LEVEL": "1"
            },
            "late": [
              {
                "name": "O",
                "text": "${{ stages.a.outputs.o }}"
              },
              {
                "name": "F",
                "text": "${{ variables.FOUND }}"
              },
              {
                "name": "S",
                "text": "${{ stages.a.status }}"
              }
            ]
          },
          {
            "pipeline": "report",
            "condition": "failure()",
            "parameters": {
              "A": "b"
            }
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan.then).expect("it is JSON"));
    for (then, expected) in [
        (
            "deploy",
            expect![[r#"
                1:7 /then wrong_type: `then` has to be a list, and this is `deploy` (write `then: [{ pipeline: deploy }]`)
            "#]],
        ),
        (
            "[{ if: nope }]",
            expect![[r#"
                1:8 /then/0 missing_field: what follows needs `pipeline` (write `pipeline: name`, which is one of the same repository)
                1:14 /then/0/if unknown_name: `nope` means nothing here (a text needs quotes: `"nope"`; known are branch, base_branch, pull_request, tag, event, event_name, commit, commit_message, author, repository, pipeline, number, variables, inputs, matrix, stages)
            "#]],
        ),
        (
            "[{ pipeline: '-x', branch: '${{ stages.a.status }}', repository: x }]",
            expect![[r#"
            1:20 /then/0/pipeline bad_name: a pipeline's name has to begin with a letter or a digit (use letters, digits, blanks and `_ - . / : ( ) + , & # @`)
            1:39 /then/0/branch unknown_name: `stages` can't be used in this text, which is filled in before anything runs (set a variable from it, and let a step use that)
            1:60 /then/0/repository not_supported_yet: `repository` is not supported yet in what follows (it has to be a pipeline of the same repository until then)
        "#]],
        ),
        (
            "[{ pipeline: x, parameters: { PATH: x, A: '${{ stages.b.status }} ${{ stages.a.outputs.x }} ${{ matrix.a }}' }, variables: {} }]",
            expect![[r#"
                1:37 /then/0/parameters/PATH bad_name: `PATH` would change what runs, which a parameter can't
                1:61 /then/0/parameters/A unknown_stage: there is no stage `b` (the stages are a)
                1:94 /then/0/parameters/A unknown_output: stage `a` has no output `x` (a job of `a` has to declare it: `outputs: [x]`)
                1:103 /then/0/parameters/A unknown_name: `matrix` means nothing here: there is no matrix (a job has one: `matrix: { node: [18, 20] }`)
                1:119 /then/0/variables duplicate_key: `parameters` and `variables` are the same here (keep `parameters`)
            "#]],
        ),
    ] {
        check(&format!("then: {then}"), expected);
    }
    check(
        "name: web\nthen: [{ pipeline: web }]",
        expect![[r#"
        2:8 /then/0 conflicting_fields: `web` would follow itself without end (let the clock start it again: `on: { schedule: … }`)
    "#]],
    );
    let many = (0..17).map(|n| format!("{{ pipeline: p{n} }}")).collect::<Vec<_>>().join(", ");
    check(
        &format!("then: [{many}]"),
        expect![[r#"
        1:7 /then limit_exceeded: `then` can hold at most 16, and these are 17 (split the pipeline, or do several things in one)
    "#]],
    );
}

#[test]
fn an_expression_may_ask_for_the_name_of_the_event() {
    let text =
        "stages: [{ name: a, jobs: [{ name: b, steps: [{ run: x, if: 'event_name == \"deploy\"' }] }] }]";
    assert!(!planned(text, &run(TriggerEvent::Webhook)).stages[0].jobs[0].steps[0].skipped);
}

#[test]
fn a_pull_request_is_known_by_the_branch_that_it_comes_from() {
    let file = r#"
stages:
  - name: a
    jobs:
      - name: b
        variables: { FROM: "${{ branch }} to ${{ base_branch }}" }
        steps:
          - { run: 'x $FROM ${{ pull_request }}', if: branch == "main" }
          - { run: x, if: base_branch == "main" && pull_request == 7 }
          - { run: x, if: pull_request > 0 }
"#;
    let planned = |context: &RunContext| {
        let job =
            plan(&definition(file), context).expect("it can be planned").stages.remove(0).jobs.remove(0);
        let skipped: Vec<bool> = job.steps.iter().map(|step| step.skipped).collect();
        (job.variables["FROM"].clone(), job.steps[0].run.clone(), skipped)
    };
    let request = RunContext {
        branch: "ada:main".to_owned(),
        base_branch: "main".to_owned(),
        pull_request: 7,
        ..run(TriggerEvent::PullRequest)
    };
    assert_eq!(
        planned(&request),
        ("ada:main to main".to_owned(), "x $FROM 7".to_owned(), vec![true, false, false])
    );
    let push = RunContext { branch: "main".to_owned(), ..run(TriggerEvent::Push) };
    assert_eq!(planned(&push), ("main to ".to_owned(), "x $FROM 0".to_owned(), vec![false, true, true]));
    let stored = serde_json::to_string(&push).expect("it is JSON");
    assert!(!stored.contains("pull_request") && !stored.contains("base_branch"), "{stored}");
}
