//! One line of a tracefile to one record.

use crate::text::shown;

/// What a line says. Names and keys are the file's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    TestName,
    Source(&'a str),
    End,
    Line {
        line: u32,
        is_covered: bool,
    },
    /// `key` is the block with the branch's number or text.
    Branch {
        line: u32,
        key: &'a str,
        is_covered: bool,
    },
    Function {
        name: &'a str,
    },
    FunctionHits {
        name: &'a str,
        is_covered: bool,
    },
    /// Of the newer form, where names are aliases of a numbered function.
    FunctionAt {
        index: u32,
        line: u32,
    },
    AliasHits {
        index: u32,
        is_covered: bool,
    },
    LinesFound(u64),
    LinesHit(u64),
    BranchesFound(u64),
    BranchesHit(u64),
    FunctionsFound(u64),
    FunctionsHit(u64),
    Unknown,
}

impl<'a> Record<'a> {
    /// # Errors
    /// Text that says what is wrong with a record of a known kind.
    pub(super) fn read(line: &'a str) -> Result<Self, String> {
        if line == "end_of_record" {
            return Ok(Self::End);
        }
        let Some((kind, rest)) = line.split_once(':') else { return Ok(Self::Unknown) };
        let form = match kind {
            "TN" => return Ok(Self::TestName),
            "SF" => "SF:<path>",
            "DA" => "DA:<line>,<count>",
            "BRDA" => "BRDA:<line>,<block>,<branch>,<count or ->",
            "FN" => "FN:<line>,<name>",
            "FNDA" => "FNDA:<count>,<name>",
            "FNL" => "FNL:<index>,<line>",
            "FNA" => "FNA:<index>,<count>,<name>",
            "LF" | "LH" | "BRF" | "BRH" | "FNF" | "FNH" => "a record with a count",
            _ => return Ok(Self::Unknown),
        };
        let record = Self::of(kind, rest);
        record.ok_or_else(|| format!("`{}` can't be read; its form is `{form}`", shown(line)))
    }

    fn of(kind: &str, rest: &'a str) -> Option<Self> {
        let record = match kind {
            "SF" if !rest.is_empty() => Self::Source(rest),
            "DA" => {
                let mut parts = rest.split(',');
                Self::Line { line: number(parts.next()?)?, is_covered: is_covered(parts.next()?)? }
            }
            "BRDA" => {
                let (line, rest) = rest.split_once(',')?;
                let (key, taken) = rest.rsplit_once(',')?;
                key.split_once(',')?;
                let is_covered = taken.trim() != "-" && is_covered(taken)?;
                Self::Branch { line: number(line)?, key, is_covered }
            }
            "FN" => Self::Function { name: function_name(rest)? },
            "FNDA" => {
                let (count, name) = rest.split_once(',')?;
                Self::FunctionHits { name, is_covered: is_covered(count)? }
            }
            "FNL" => {
                let mut parts = rest.split(',');
                Self::FunctionAt { index: number(parts.next()?)?, line: number(parts.next()?)? }
            }
            "FNA" => {
                let mut parts = rest.split(',');
                Self::AliasHits { index: number(parts.next()?)?, is_covered: is_covered(parts.next()?)? }
            }
            "LF" => Self::LinesFound(number(rest)?),
            "LH" => Self::LinesHit(number(rest)?),
            "BRF" => Self::BranchesFound(number(rest)?),
            "BRH" => Self::BranchesHit(number(rest)?),
            "FNF" => Self::FunctionsFound(number(rest)?),
            "FNH" => Self::FunctionsHit(number(rest)?),
            _ => return None,
        };
        Some(record)
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

/// `FN:<line>,<name>` or `FN:<line>,<last line>,<name>`; a name may begin with a digit only where it is alone.
fn function_name(rest: &str) -> Option<&str> {
    let (line, rest) = rest.split_once(',')?;
    let _: u32 = number(line)?;
    match rest.split_once(',') {
        Some((last, name)) if number::<u32>(last).is_some() => Some(name),
        _ => Some(rest),
    }
}

/// Whether a count says that something was run. Counts that overflowed are negative, and so not to be believed; large
/// ones are written with an exponent by some tools.
fn is_covered(count: &str) -> Option<bool> {
    let count = count.trim();
    let digits = count.strip_prefix('-').unwrap_or(count);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let count: f64 = count.parse().ok()?;
    Some(count > 0.0)
}
