//! Spin's interfaces, one file each, over the types that `wit/` describes.

pub mod key_value;
pub mod sqlite;
pub mod variables;

use wasmtime::component::{HasSelf, Linker};

use crate::state::State;

/// Made from the WIT; nothing in it is written by hand.
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "imports",
        imports: { default: async | trappable },
        with: {
            "spin:sqlite/sqlite@3.1.0.connection": crate::interfaces::sqlite::Connection,
            "spin:key-value/key-value@3.0.0.store": crate::interfaces::key_value::Store,
        },
    });
}

pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Imports::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
