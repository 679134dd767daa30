//! What is wrong with an expression, and which of its words that is about.

use super::syntax::Word;
use crate::diagnostic::Severity;

/// Something wrong with an expression, at a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub severity: Severity,
    pub code: &'static str,
    pub offset: usize,
    pub chars: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// What of an expression is meant. Where it is written twice, the first is marked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spot<'s> {
    /// A word that stands for itself, such as `branch`.
    Name(&'s str),
    /// `name` of `map.name`.
    Member(&'s str, &'s str),
    /// `field` of `map.owner.field`, of any owner where none is named.
    Field(&'s str, Option<&'s str>, &'s str),
    /// `name` of `map.owner.outputs.name`.
    Output(&'s str, &'s str, &'s str),
    Function(&'s str),
    /// A text within quotes.
    Text(&'s str),
}

/// A name and the members behind it: `stages.build.status`, `matrix["node-version"]`.
#[derive(Debug)]
pub(super) struct Chain<'w> {
    /// None where a member is computed.
    pub parts: Vec<Option<Word<'w>>>,
    /// The place in the words of what comes behind it.
    pub end: usize,
}

impl Chain<'_> {
    /// What is asked for by the part, without quotes.
    pub fn text(&self, part: usize) -> Option<&str> {
        Some(self.parts.get(part)?.as_ref()?.text.trim_matches(['"', '\'']))
    }

    fn is(&self, part: usize, text: &str) -> bool {
        self.text(part) == Some(text)
    }
}

pub(super) struct Findings<'w> {
    pub words: &'w [Word<'w>],
    pub chains: Vec<Chain<'w>>,
    /// Bytes of what is told to be wrong as a whole, so that nothing more is said of its words.
    covered: Vec<std::ops::Range<usize>>,
    pub found: Vec<Finding>,
}

impl<'w> Findings<'w> {
    pub fn new(words: &'w [Word<'w>]) -> Self {
        let chains = (0..words.len()).filter(|at| begins_chain(words, *at)).map(|at| chain(words, at));
        Self { words, chains: chains.collect(), covered: vec![], found: vec![] }
    }

    pub fn error(&mut self, code: &'static str, spot: Spot<'_>, message: String, hint: impl Into<String>) {
        self.add(Severity::Error, code, spot, message, Some(hint.into()));
    }

    pub fn warn(&mut self, code: &'static str, spot: Spot<'_>, message: String, hint: impl Into<String>) {
        self.add(Severity::Warning, code, spot, message, Some(hint.into()));
    }

    pub fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        spot: Spot<'_>,
        message: String,
        hint: Option<String>,
    ) {
        let found = self.find(spot);
        let (offset, chars) = found.map_or((0, 1), |word| (word.offset, word.text.chars().count()));
        if !self.covered.iter().any(|bytes| bytes.contains(&offset)) {
            self.found.push(Finding { severity, code, offset, chars, message, hint });
        }
    }

    /// An error about all of the words from `first` to `last`, of which nothing more is said.
    pub fn error_about(
        &mut self,
        code: &'static str,
        (first, last): (Word<'_>, Word<'_>),
        message: String,
        hint: String,
    ) {
        let bytes = first.offset..last.offset + last.text.len();
        // Names are ASCII, so that a byte is a character here.
        let chars = bytes.len();
        self.covered.push(bytes);
        let (severity, offset) = (Severity::Error, first.offset);
        self.found.push(Finding { severity, code, offset, chars, message, hint: Some(hint) });
    }

    /// The chain that begins with `name`.
    pub fn chain(&self, name: &str) -> Option<&Chain<'w>> {
        self.chains.iter().find(|chain| chain.is(0, name))
    }

    fn find(&self, spot: Spot<'_>) -> Option<Word<'w>> {
        let part = |part: usize, fits: &dyn Fn(&Chain<'_>) -> bool| {
            self.chains.iter().find(|chain| fits(chain))?.parts.get(part).copied().flatten()
        };
        match spot {
            Spot::Name(name) => part(0, &|chain| chain.is(0, name)),
            Spot::Member(map, name) => part(1, &|chain| chain.is(0, map) && chain.is(1, name)),
            Spot::Field(map, owner, field) => {
                let fits = |chain: &Chain<'_>| {
                    chain.is(0, map) && owner.is_none_or(|owner| chain.is(1, owner)) && chain.is(2, field)
                };
                part(2, &fits)
            }
            Spot::Output(map, owner, name) => {
                let fits = |chain: &Chain<'_>| chain.is(0, map) && chain.is(1, owner) && chain.is(3, name);
                part(3, &fits)
            }
            Spot::Function(function) => {
                let is_called = |pair: &[Word<'_>]| pair[0].text == function && pair[1].text == "(";
                self.words.windows(2).find(|pair| is_called(pair)).map(|pair| pair[0])
            }
            Spot::Text(text) => {
                self.words.iter().find(|w| !w.name && w.text.trim_matches(['"', '\'']) == text).copied()
            }
        }
    }
}

fn begins_chain(words: &[Word<'_>], at: usize) -> bool {
    words[at].name && (at == 0 || words[at - 1].text != ".")
}

fn chain<'w>(words: &'w [Word<'w>], at: usize) -> Chain<'w> {
    let mut chain = Chain { parts: vec![Some(words[at])], end: at + 1 };
    let text = |at: usize| words.get(at).map_or("", |word| word.text);
    loop {
        match (text(chain.end), words.get(chain.end + 1)) {
            (".", Some(member)) if member.name => {
                chain.parts.push(Some(*member));
                chain.end += 2;
            }
            ("[", Some(key)) if key.text.starts_with(['"', '\'']) && text(chain.end + 2) == "]" => {
                chain.parts.push(Some(*key));
                chain.end += 3;
            }
            ("[", Some(_)) => {
                let Some(length) = length_of_brackets(&words[chain.end..]) else { return chain };
                chain.parts.push(None);
                chain.end += length;
            }
            _ => return chain,
        }
    }
}

/// Words from the `[` that comes first to its `]`.
fn length_of_brackets(words: &[Word<'_>]) -> Option<usize> {
    let mut open = 0_usize;
    for (index, word) in words.iter().enumerate() {
        match word.text {
            "[" => open += 1,
            "]" if open == 1 => return Some(index + 1),
            "]" => open -= 1,
            _ => {}
        }
    }
    None
}
