//! The wasmtime engine: its settings, its pool, and the clock that interrupts busy guests.

use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};

use crate::interfaces;
use crate::limits::Limits;
use crate::state::State;

/// How often a computing guest is made to let others run.
const EPOCH: Duration = Duration::from_millis(10);

/// Of each kind, in one component: its own module and the adapters composed into it.
const MODULES_PER_COMPONENT: u32 = 8;
const TABLES_PER_COMPONENT: u32 = 4;
/// Guest tasks that can be suspended at once in one instance.
const STACKS_PER_INSTANCE: u32 = 4;
/// Function pointers of a large component.
const TABLE_ELEMENTS: usize = 50_000;
/// Memory kept per slot when its instance goes: clearing this much beats faulting it in again.
const KEEP_RESIDENT_BYTES: usize = 512 << 10;
/// Slots kept warm for the component that used them last.
const WARM_SLOTS: u32 = 16;

/// # Errors
/// Where the limits contradict each other.
pub fn config(limits: &Limits, components: usize) -> Result<Config> {
    let instances = u32::try_from(limits.instances_per_component.saturating_mul(components.max(1)))?;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(MODULES_PER_COMPONENT))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(instances.saturating_mul(STACKS_PER_INSTANCE))
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.memory_bytes)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        .max_unused_warm_slots(WARM_SLOTS);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(config)
}

/// An engine whose busy guests are interrupted.
///
/// # Errors
/// Where the machine can't do what the settings ask for.
pub fn engine(config: &Config) -> Result<Engine> {
    let engine = Engine::new(config)?;
    start_clock(&engine);
    Ok(engine)
}

/// Ends when the engine is dropped.
fn start_clock(engine: &Engine) {
    let engine = engine.weak();
    let clock = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    });
    if let Err(e) = clock {
        tracing::error!("no thread for the clock; busy guests are not interrupted: {e}");
    }
}

/// Everything that the host serves to components. Sockets are not among it: what a component may reach is said in
/// requests (`allowed_outbound_hosts`), and one that imports sockets is refused at the start.
pub fn linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasi_p2(&mut linker)?;
    wasi_p3(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    interfaces::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// What the standard library asks for on wasm32-wasip2.
fn wasi_p2(linker: &mut Linker<State>) -> Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, filesystem, random};

    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, State::cli)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::filesystem)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, State::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, State::random)
}

fn wasi_p3(linker: &mut Linker<State>) -> Result<()> {
    use wasmtime_wasi::p3::{cli, clocks, filesystem, random};

    cli::add_to_linker(linker)?;
    clocks::add_to_linker(linker)?;
    filesystem::add_to_linker(linker)?;
    random::add_to_linker(linker)
}
