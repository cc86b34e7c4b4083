//! The one configuration of wasmtime: features, costs, interruption and the pool.

use std::num::NonZeroUsize;

use rosehip_core::limits;
use wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig};

/// What a guest's bytes may use (DESIGN §4a). Threads, garbage collection, exceptions, 64-bit memories, several
/// memories in one module, relaxed SIMD and asynchronous components are out: each is non-deterministic, unbounded or
/// not needed by a supported toolchain.
pub(crate) const GUEST_FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Room for the runtime's own record of an instance, in bytes. A module with as many functions as
/// [`limits::COMPONENT_FUNCTIONS`] needs somewhat less than 2 MiB.
const INSTANCE_RECORD_BYTES: usize = 4 << 20;

/// Bytes of a linear memory that are reset in place after a call, instead of being given back to the kernel and
/// faulted in again by the next one. A guest that touches more pays for the rest with a system call. Where the kernel
/// cannot tell which pages were written, all of these bytes are reset every time; more of them would cost more than
/// they save.
const MEMORY_KEPT_BYTES: usize = 256 << 10;

/// Frames named in the message of a trap.
const TRAP_FRAMES: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// How machine code is optimised. What a guest does and what it costs in fuel is the same at each level; only where its
/// stack ends need not be, because frames may be of other sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimization {
    /// Not at all.
    None,
    /// For speed, as a host does and a child that compiles for it.
    #[default]
    Speed,
    /// For speed and size.
    SpeedAndSize,
}

impl Optimization {
    fn level(self) -> OptLevel {
        match self {
            Self::None => OptLevel::None,
            Self::Speed => OptLevel::Speed,
            Self::SpeedAndSize => OptLevel::SpeedAndSize,
        }
    }
}

/// The configuration of a host, for `concurrency` calls at a time.
pub(crate) fn of_host(concurrency: usize, optimization: Optimization) -> Config {
    let mut config = of_compiler();
    config.cranelift_opt_level(optimization.level());
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(concurrency)));
    config
}

/// The configuration of a process that only compiles: the same code comes of it, but it reserves no pool, for which it
/// has no address space.
pub(crate) fn of_compiler() -> Config {
    let mut config = Config::new();
    config
        // wasmtime puts what connects the modules of a component into modules that see all their memories at once,
        // so it needs this feature although admission refuses it in guests.
        .wasm_features(WasmFeatures::all().difference(GUEST_FEATURES | WasmFeatures::MULTI_MEMORY), false)
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(Optimization::default().level())
        .max_wasm_stack(limits::GUEST_STACK_BYTES)
        .wasm_backtrace_max_frames(Some(TRAP_FRAMES))
        .memory_init_cow(true);
    config
}

/// Growing costs more than other instructions, because it calls the kernel.
fn operator_cost() -> OperatorCost {
    // The design's figure is 1,000 for each; a cost is a `u8`, so both cost the most that it can say.
    OperatorCost { MemoryGrow: limits::GUEST_GROW_FUEL, TableGrow: limits::GUEST_GROW_FUEL, ..OperatorCost::new() }
}

/// A pool in which `concurrency` calls always find room, whatever the admitted modules need.
fn pool(concurrency: usize) -> PoolingAllocationConfig {
    let calls = u32::try_from(concurrency).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        // Only counted, nothing is reserved for it. Counting the most a component may have for every call keeps
        // this from being the limit that concurrent calls meet.
        .total_core_instances(calls.saturating_mul(limits::GUEST_CORE_INSTANCES))
        .max_core_instances_per_component(limits::GUEST_CORE_INSTANCES)
        .max_core_instance_size(INSTANCE_RECORD_BYTES)
        .max_component_instance_size(INSTANCE_RECORD_BYTES)
        .total_memories(calls.saturating_mul(limits::GUEST_MEMORIES))
        .max_memories_per_component(limits::GUEST_MEMORIES)
        .max_memories_per_module(limits::GUEST_MEMORIES)
        .max_memory_size(limits::GUEST_MEMORY_GRANTED_BYTES)
        .total_tables(calls.saturating_mul(limits::GUEST_TABLES))
        .max_tables_per_component(limits::GUEST_TABLES)
        .max_tables_per_module(limits::GUEST_TABLES)
        .table_elements(limits::GUEST_TABLE_ELEMENTS)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(limits::GUEST_TABLE_ELEMENTS * size_of::<usize>())
        // With it only pages that a call has written are reset (Linux 6.7 and later).
        .pagemap_scan(Enabled::Auto);
    pool
}
