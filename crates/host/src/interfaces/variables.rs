//! `spin:variables`: a component's own variables, resolved when the host started.

use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf};

use super::bindings::spin::variables::variables as wit;
use crate::manifest::check_variable_name;
use crate::state::State;

impl wit::Host for State {}

impl<T: 'static> wit::HostWithStore<T> for HasSelf<State> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<Result<String, wit::Error>> {
        if let Err(problem) = check_variable_name(&name) {
            return Ok(Err(wit::Error::InvalidName(problem)));
        }
        Ok(accessor.with(|mut access| {
            let grants = &access.get().grants;
            grants.variables.get(&name).cloned().ok_or_else(|| {
                wit::Error::Undefined(format!("no variable for {:?}.{name:?}", grants.component))
            })
        }))
    }
}
