//! `resources`: what a job may use of its runner's machine.

use super::read::{At, Fields, Reader, Shape};
use crate::diagnostic::code;
use crate::limits::{MAX_CPUS, MAX_MEMORY_MIB, MIN_MEMORY_MIB};
use crate::plan::Resources;
use crate::tree::shown;

pub(crate) const SHAPE: Shape = Shape {
    what: "`resources`",
    fields: &["cpus", "memory"],
    later: &[
        ("gpus", "choose a runner that has one by `runs_on` until then"),
        ("disk", "choose a runner that has the room by `runs_on` until then"),
    ],
    instead: &[
        ("cpu", "write `cpus`"),
        ("cores", "write `cpus`"),
        ("mem", "write `memory`"),
        ("ram", "write `memory`"),
        ("limits", "write `cpus` and `memory` alone"),
        ("requests", "write `cpus` and `memory` alone"),
    ],
};

const MIB: u64 = 1 << 20;
/// The units of a size, in bytes.
pub(crate) const UNITS: [(&str, u64); 6] = [
    ("MiB", MIB),
    ("GiB", MIB << 10),
    ("TiB", MIB << 20),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// None where nothing is asked for.
pub(super) fn resources(reader: &mut Reader<'_>, at: At<'_>) -> Option<Resources> {
    if at.entries().is_none() {
        reader
            .wrong_type(&at, "`resources`", "a mapping")
            .hint("write `resources: { cpus: 2, memory: 512MiB }`");
        return None;
    }
    let fields = Fields::open(reader, at, &SHAPE)?;
    let cpus = fields.get("cpus").and_then(|at| reader.count(&at, "`cpus`", 1, MAX_CPUS));
    let memory_mib = fields.get("memory").and_then(|at| memory(reader, &at));
    (cpus.is_some() || memory_mib.is_some()).then_some(Resources { cpus, memory_mib })
}

fn memory(reader: &mut Reader<'_>, at: &At<'_>) -> Option<u64> {
    let text = reader.literal(at, "`memory`")?.trim();
    let Some(bytes) = bytes(text) else {
        let message = format!("`memory` is no size: `{}`", shown(text));
        reader.error(at, code::BAD_VALUE, message).hint(hint(text));
        return None;
    };
    let mib = bytes / MIB;
    if (MIN_MEMORY_MIB..=MAX_MEMORY_MIB).contains(&mib) {
        return Some(mib);
    }
    let message = format!(
        "`memory` has to be from {MIN_MEMORY_MIB}MiB to {}TiB, and this is {}",
        MAX_MEMORY_MIB >> 20,
        shown(text)
    );
    reader.error(at, code::OUT_OF_RANGE, message).done();
    None
}

/// A whole number with its unit right behind it.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(number.parse::<u64>().ok()?.saturating_mul(*factor))
}

fn hint(text: &str) -> String {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    if number.is_empty() || number.len() > 9 {
        return "write it like `512MiB`, `2GiB` or `500MB`".to_owned();
    }
    if unit.is_empty() {
        return format!("say of what: `{number}MiB` or `{number}GiB`");
    }
    // `512Mi`, `2g` and `2 GiB` are how others write it.
    let begins = |name: &str| name.to_ascii_lowercase().starts_with(&unit.to_ascii_lowercase());
    match UNITS.iter().find(|(name, _)| begins(name)) {
        Some((name, _)) => format!("write `{number}{name}`"),
        None => "write it like `512MiB`, `2GiB` or `500MB`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_its_unit() {
        for (text, expected) in [
            ("512MiB", Some(512 * MIB)),
            ("2GiB", Some(2048 * MIB)),
            ("500MB", Some(500_000_000)),
            ("99999999999999999999TB", None),
            ("18446744073709551615TB", Some(u64::MAX)),
            ("512", None),
            ("512Mi", None),
            ("2 GiB", None),
            ("1.5GiB", None),
            ("-1GiB", None),
            ("MiB", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
        assert_eq!(hint("512"), "say of what: `512MiB` or `512GiB`");
        assert_eq!(hint("2g"), "write `2GiB`");
        assert_eq!(hint("512Mi"), "write `512MiB`");
    }
}
