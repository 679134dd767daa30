//! Deliberate bugs, by which the simulator is proven. Compiled in with the feature `bugs` alone, which nothing that is
//! shipped has; without it every question is answered with no, at no cost.

#[cfg(feature = "bugs")]
thread_local! {
    static BUG: std::cell::Cell<&'static str> = const { std::cell::Cell::new("") };
}

/// From here on, on this thread, the program has this bug.
#[cfg(feature = "bugs")]
pub fn switch_on(name: &'static str) {
    BUG.set(name);
}

/// Whether the program is to have this bug.
#[cfg(feature = "bugs")]
pub fn is_on(name: &str) -> bool {
    BUG.get() == name
}

/// No.
#[cfg(not(feature = "bugs"))]
pub const fn is_on(_name: &str) -> bool {
    false
}
