//! Names as an expression has to write them.

/// `stages` and `build` as `stages.build`, `stages` and `unit-tests` as `stages["unit-tests"]`.
pub(crate) fn member(owner: &str, name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!("{owner}.{name}") } else { format!("{owner}[\"{}\"]", name.replace(['"', '\\'], "")) }
}

/// `stages.build.outputs.version`, or the same of a step.
pub(crate) fn output(map: &str, owner: &str, name: &str) -> String {
    member(&format!("{}.outputs", member(map, owner)), name)
}

/// A name and all that is asked of it.
pub(crate) fn path<'p>(parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| member(&path, part))
}
