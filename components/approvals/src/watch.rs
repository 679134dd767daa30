//! What counts as well: a sequence of answers in, a verdict out. Nobody is asked here.

use penstock_pipeline::HealthCheck;

/// Of an address, in the sentence.
const MAX_SHOWN_CHARS: usize = 300;
/// Of what a platform says of a failure.
const MAX_WHY_CHARS: usize = 200;

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whatever the body was. A redirect is an answer like any other.
    Answered(u16),
    /// Asked, and no whole answer came in time.
    NoAnswer(String),
    /// Nobody was there to be asked.
    Unreachable(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub is_healthy: bool,
    /// One sentence for a person.
    pub detail: String,
}

/// The tries so far.
pub struct Watch<'a> {
    check: &'a HealthCheck,
    tries: u32,
    /// Good answers since the last bad one.
    in_a_row: u32,
}

impl<'a> Watch<'a> {
    pub const fn new(check: &'a HealthCheck) -> Self {
        Self { check, tries: 0, in_a_row: 0 }
    }

    /// The verdict, once there is one: well after as many good answers in a row as are wanted, and not well when no
    /// try is left.
    pub fn take(&mut self, outcome: &Outcome) -> Option<Verdict> {
        self.tries += 1;
        let is_good = *outcome == Outcome::Answered(self.check.expect_status);
        self.in_a_row = if is_good { self.in_a_row + 1 } else { 0 };
        let is_healthy = self.in_a_row >= self.check.successes;
        (is_healthy || self.tries >= self.check.attempts)
            .then(|| Verdict { is_healthy, detail: self.detail(outcome, is_healthy) })
    }

    /// The verdict where no more time is left.
    pub fn give_up(&self, last: &Outcome) -> Verdict {
        Verdict { is_healthy: false, detail: format!("{}; it took too long", self.detail(last, false)) }
    }

    fn detail(&self, last: &Outcome, is_healthy: bool) -> String {
        let HealthCheck { url, expect_status, attempts, successes, .. } = self.check;
        let what = match last {
            Outcome::Answered(status) if is_healthy => match successes {
                1 => format!("answered {status}"),
                times => format!("answered {status} {times} times in a row"),
            },
            Outcome::Answered(status) if status == expect_status => {
                format!("answered {status}, but not {successes} times in a row")
            }
            Outcome::Answered(status @ 300..=399) => {
                format!("answered {status} (expected {expect_status}; a redirect is not followed)")
            }
            Outcome::Answered(status) => format!("answered {status} (expected {expect_status})"),
            Outcome::NoAnswer(why) => format!("gave no answer ({})", cut(why, MAX_WHY_CHARS)),
            Outcome::Unreachable(why) => format!("can't be reached ({})", cut(why, MAX_WHY_CHARS)),
        };
        format!("GET {} {what}, {} of {attempts} tries", shown(url), self.tries)
    }
}

/// The address without what may be secret in it.
fn shown(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = path.split_once("://").unwrap_or(("", path));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    cut(&format!("{scheme}://{host}{path}"), MAX_SHOWN_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Answered, NoAnswer, Unreachable};
    use super::*;

    fn check(attempts: u32, successes: u32) -> HealthCheck {
        HealthCheck {
            url: "https://user:pw@app.example:8443/healthz?token=secret#x".into(),
            expect_status: 200,
            timeout_ms: 1000,
            interval_ms: 1000,
            attempts,
            successes,
        }
    }

    /// The verdict, and how many of the outcomes it took.
    fn judged(attempts: u32, successes: u32, outcomes: &[Outcome]) -> Option<(bool, usize, String)> {
        let check = check(attempts, successes);
        let mut watch = Watch::new(&check);
        outcomes
            .iter()
            .enumerate()
            .find_map(|(index, outcome)| watch.take(outcome).map(|v| (v.is_healthy, index + 1, v.detail)))
    }

    #[test]
    fn well_is_what_answers_as_expected_so_often_in_a_row() {
        let hang = || NoAnswer("nothing came within 1000 ms".into());
        let refused = || Unreachable("connection refused".into());
        let ok = || Answered(200);
        let url = "GET https://app.example:8443/healthz";
        for (attempts, successes, outcomes, want) in [
            (10, 1, vec![ok()], Some((true, 1, "answered 200, 1 of 10 tries"))),
            (10, 2, vec![ok()], None),
            (10, 2, vec![ok(), ok()], Some((true, 2, "answered 200 2 times in a row, 2 of 10 tries"))),
            (
                5,
                2,
                vec![refused(), hang(), ok(), ok()],
                Some((true, 4, "answered 200 2 times in a row, 4 of 5 tries")),
            ),
            (
                4,
                2,
                vec![ok(), Answered(503), ok(), Answered(503)],
                Some((false, 4, "answered 503 (expected 200), 4 of 4 tries")),
            ),
            (
                3,
                2,
                vec![ok(), Answered(500), ok()],
                Some((false, 3, "answered 200, but not 2 times in a row, 3 of 3 tries")),
            ),
            (
                2,
                1,
                vec![Answered(302), Answered(302)],
                Some((false, 2, "answered 302 (expected 200; a redirect is not followed), 2 of 2 tries")),
            ),
            (
                1,
                1,
                vec![hang()],
                Some((false, 1, "gave no answer (nothing came within 1000 ms), 1 of 1 tries")),
            ),
            (1, 1, vec![refused()], Some((false, 1, "can't be reached (connection refused), 1 of 1 tries"))),
            (1, 1, vec![Answered(204)], Some((false, 1, "answered 204 (expected 200), 1 of 1 tries"))),
        ] {
            let want = want.map(|(is_healthy, after, what)| (is_healthy, after, format!("{url} {what}")));
            assert_eq!(judged(attempts, successes, &outcomes), want, "{outcomes:?}");
        }
    }

    #[test]
    fn the_sentence_stays_short_and_bears_no_secret() {
        let long = HealthCheck { url: format!("http://h/{}", "x".repeat(2000)), ..check(1, 1) };
        let verdict = Watch::new(&long).take(&Unreachable("y".repeat(2000))).unwrap();
        assert!(verdict.detail.chars().count() < 600, "{}", verdict.detail);
        let late = Watch::new(&check(9, 1)).give_up(&Answered(503));
        assert!(
            !late.is_healthy && !late.detail.contains("secret") && !late.detail.contains("pw"),
            "{late:?}"
        );
    }
}
