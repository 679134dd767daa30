//! All that a tracefile says of one source file, in however many records.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::coverage::{FileCoverage, Ratio};
use crate::limits::MAX_NAME_BYTES;
use crate::text::cut;

use super::marks::Marks;
use super::record::Record;

/// What a file may say of its own sums: as many lines as can be numbered.
const MAX_SAID: u64 = u32::MAX as u64;

#[derive(Debug, Default)]
pub(super) struct Source<'a> {
    path: &'a str,
    lines: Marks<u32>,
    branches: Marks<(u32, u64)>,
    functions: Marks<u64>,
    /// Lines of the numbered functions; numbers hold within one record only.
    function_lines: BTreeMap<u32, u32>,
    /// What the record says of itself.
    said_lines: Ratio,
    said_branches: Ratio,
    said_functions: Ratio,
}

impl<'a> Source<'a> {
    pub(super) fn of(path: &'a str) -> Self {
        Self { path, ..Self::default() }
    }

    pub(super) const fn path(&self) -> &str {
        self.path
    }

    /// Another record of this file begins.
    pub(super) fn begin(&mut self) {
        self.function_lines.clear();
    }

    pub(super) fn add(&mut self, record: &Record<'_>) {
        match *record {
            Record::Line { line, is_covered } => self.lines.mark(line, is_covered),
            Record::Branch { line, key, is_covered } => self.branches.mark((line, hash(key)), is_covered),
            Record::Function { name } => self.functions.mark(hash(name), false),
            Record::FunctionHits { name, is_covered } => self.functions.mark(hash(name), is_covered),
            Record::FunctionAt { index, line } => {
                self.function_lines.insert(index, line);
                self.functions.mark(hash(line), false);
            }
            Record::AliasHits { index, is_covered } => {
                let function = self.function_lines.get(&index).map_or_else(|| hash((index,)), hash);
                self.functions.mark(function, is_covered);
            }
            // The same file in several records measures the same lines: the largest sums are the best known.
            Record::LinesFound(count) => raise(&mut self.said_lines.total, count),
            Record::LinesHit(count) => raise(&mut self.said_lines.covered, count),
            Record::BranchesFound(count) => raise(&mut self.said_branches.total, count),
            Record::BranchesHit(count) => raise(&mut self.said_branches.covered, count),
            Record::FunctionsFound(count) => raise(&mut self.said_functions.total, count),
            Record::FunctionsHit(count) => raise(&mut self.said_functions.covered, count),
            Record::TestName | Record::Source(_) | Record::End | Record::Unknown => {}
        }
    }

    pub(super) fn close(self) -> FileCoverage {
        FileCoverage {
            path: cut(self.path, MAX_NAME_BYTES),
            lines: counted_or_said(self.lines, self.said_lines),
            branches: counted_or_said(self.branches, self.said_branches),
            functions: counted_or_said(self.functions, self.said_functions),
        }
    }
}

fn counted_or_said<K: Ord + Copy>(marks: Marks<K>, said: Ratio) -> Ratio {
    if marks.is_empty() {
        Ratio { covered: said.covered.min(said.total), total: said.total }
    } else {
        marks.ratio()
    }
}

fn raise(known: &mut u64, said: u64) {
    *known = said.min(MAX_SAID).max(*known);
}

fn hash(key: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
