//! `matrix.node-version`: a name with a dash that is read as one name less another.

use super::advice;
use super::findings::Findings;
use super::names::{NAMES, Offered, Site};
use super::syntax::Word;
use crate::diagnostic::code;

/// A name with the members behind it, put together across dashes.
struct Joined<'w> {
    parts: Vec<String>,
    /// Which of the parts have a dash that was read as a minus.
    dashed: Vec<usize>,
    first: Word<'w>,
    last: Word<'w>,
}

/// Tells of names that need brackets, and of nothing else that such a name seems to be.
pub(super) fn check(site: Site, offered: &Offered<'_>, findings: &mut Findings<'_>) {
    let mut at = 0;
    while let Some(chain) = findings.chains.get(at) {
        at += 1;
        let Some(first) = chain.parts.first().copied().flatten() else { continue };
        let Some(joined) = join(findings, at - 1, first) else { continue };
        let is_meant = |part: &usize| is_known(&joined.parts[..*part], &joined.parts[*part], offered);
        let Some(dashed) = joined.dashed.iter().find(|part| is_meant(part)) else { continue };
        let message = format!("`{}` needs brackets: `-` is a minus here", joined.parts[*dashed]);
        let hint = advice::instead_of_dashes(site, &joined.parts);
        findings.error_about(code::UNKNOWN_NAME, (joined.first, joined.last), message, hint);
    }
}

/// None where no dash follows right behind a name.
fn join<'w>(findings: &Findings<'w>, at: usize, first: Word<'w>) -> Option<Joined<'w>> {
    let words = findings.words;
    let mut chain = &findings.chains[at];
    let mut joined = Joined { parts: vec![], dashed: vec![], first, last: first };
    let push = |joined: &mut Joined<'w>, parts: &[Option<Word<'w>>]| {
        for part in parts.iter().flatten() {
            joined.parts.push(part.text.trim_matches(['"', '\'']).to_owned());
            joined.last = *part;
        }
    };
    push(&mut joined, &chain.parts);
    let touch = |a: &Word<'_>, b: &Word<'_>| a.offset + a.text.len() == b.offset;
    let mut end = chain.end;
    while let (Some(dash), Some(next)) = (words.get(end), words.get(end + 1)) {
        let before = words.get(end.checked_sub(1)?)?;
        let is_word = next.name || next.text.starts_with(|c: char| c.is_ascii_digit());
        if dash.text != "-" || !is_word || !touch(before, dash) || !touch(dash, next) {
            break;
        }
        let part = joined.parts.last_mut()?;
        part.push('-');
        part.push_str(next.text);
        joined.dashed.push(joined.parts.len() - 1);
        joined.last = *next;
        end += 2;
        let begins = |chain: &&super::findings::Chain<'_>| {
            chain.parts.first().copied().flatten().is_some_and(|word| word.offset == next.offset)
        };
        if let Some(further) = findings.chains.iter().find(begins) {
            chain = further;
            push(&mut joined, &chain.parts[1..]);
            end = chain.end;
        }
    }
    joined.dashed.dedup();
    (!joined.dashed.is_empty()).then_some(joined)
}

/// Whether a member of that name is what is meant.
fn is_known(before: &[String], name: &str, offered: &Offered<'_>) -> bool {
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    // Where nobody can know, no name of a run is behind the dash.
    let is_no_difference = || name.split('-').skip(1).all(|word| !NAMES.contains(&word));
    match before.as_slice() {
        ["matrix"] => offered.matrix.is_some_and(|matrix| matrix.axes.contains_key(name)),
        ["stages"] if offered.any_stage => is_no_difference(),
        ["stages"] => offered.stages.contains_key(name),
        ["steps"] => offered.steps.contains_key(name),
        ["inputs"] => offered.inputs.contains_key(name),
        ["stages", stage, "outputs"] => match offered.stages.get(*stage) {
            Some(stage) => stage.outputs.contains(name),
            None => offered.any_stage && is_no_difference(),
        },
        ["steps", _, "outputs"] => is_no_difference(),
        _ => false,
    }
}
