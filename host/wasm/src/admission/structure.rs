//! Counts what a module holds against its limits (DESIGN §8).

use rosehip_core::{guest::GuestRefused, limits};
use wasmparser::{FunctionBody, MemorySectionReader, Operator, Payload, TableSectionReader};

use super::{Usage, component, invalid};
use crate::{failure::refused, guest::Kind};

const PAGE_BYTES: u64 = 64 << 10;

/// Limits that differ between the two kinds of module.
#[derive(Debug)]
struct Most {
    /// What the module is called.
    name: &'static str,
    functions: u64,
    body_bytes: usize,
    imports: u64,
    imports_rule: &'static str,
    data_segments: u64,
    /// Tables that one module may have; what a component's modules have together is known when it is compiled.
    tables: u64,
}

impl Most {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Component => Self {
                name: "component",
                functions: limits::COMPONENT_FUNCTIONS,
                body_bytes: limits::COMPONENT_FUNCTION_BODY_BYTES,
                imports: limits::COMPONENT_CORE_IMPORTS,
                imports_rule: "core-imports",
                data_segments: limits::COMPONENT_DATA_SEGMENTS,
                tables: u64::MAX,
            },
            Kind::Core => Self {
                name: "module",
                functions: limits::CORE_MODULE_FUNCTIONS,
                body_bytes: limits::CORE_MODULE_FUNCTION_BODY_BYTES,
                imports: limits::CORE_MODULE_IMPORTS,
                imports_rule: "imports",
                data_segments: limits::CORE_MODULE_DATA_SEGMENTS,
                tables: u64::from(limits::GUEST_TABLES),
            },
        }
    }
}

/// Counts of what a module holds, at any depth.
#[derive(Debug)]
pub(super) struct Structure {
    most: Most,
    depth: usize,
    nested: u64,
    functions: u64,
    imports: u64,
    exports: u64,
    types: u64,
    data_segments: u64,
    tables: u64,
    largest_body: usize,
    /// What its memories begin with, in bytes.
    memory_bytes: u64,
    /// What it imports itself, by name.
    imported: Vec<String>,
}

impl Structure {
    /// Nothing counted yet, against the limits of `kind`.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            most: Most::of(kind),
            depth: 0,
            nested: 0,
            functions: 0,
            imports: 0,
            exports: 0,
            types: 0,
            data_segments: 0,
            tables: 0,
            largest_body: 0,
            memory_bytes: 0,
            imported: Vec::new(),
        }
    }

    /// Whether all of the module was read.
    pub(super) fn is_closed(&self) -> bool {
        self.depth == 0
    }

    /// Takes in the next part of the module.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and other payloads have no limit here")]
    pub(super) fn count(&mut self, payload: &Payload<'_>) -> Result<(), GuestRefused> {
        let Most { name, functions, imports, imports_rule, data_segments, tables, .. } = self.most;
        let add = |count: &mut u64, more: u32, most: u64, rule: &'static str| {
            *count += u64::from(more);
            if *count > most { Err(refused(rule, format!("the {name} has over {most} {rule}"))) } else { Ok(()) }
        };
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth -= 1,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                add(&mut self.nested, 1, limits::COMPONENT_NESTED, "nested-modules")?;
            }
            Payload::CodeSectionStart { count, .. } => add(&mut self.functions, *count, functions, "functions")?,
            Payload::ImportSection(section) => add(&mut self.imports, section.count(), imports, imports_rule)?,
            Payload::ExportSection(section) => {
                add(&mut self.exports, section.count(), limits::COMPONENT_EXPORTS, "exports")?;
            }
            Payload::ComponentExportSection(section) => {
                add(&mut self.exports, section.count(), limits::COMPONENT_EXPORTS, "exports")?;
            }
            Payload::TypeSection(section) => add(&mut self.types, section.count(), limits::COMPONENT_TYPES, "types")?,
            Payload::CoreTypeSection(section) => {
                add(&mut self.types, section.count(), limits::COMPONENT_TYPES, "types")?;
            }
            Payload::ComponentTypeSection(section) => {
                add(&mut self.types, section.count(), limits::COMPONENT_TYPES, "types")?;
            }
            Payload::DataSection(section) => {
                add(&mut self.data_segments, section.count(), data_segments, "data-segments")?;
            }
            Payload::MemorySection(section) => self.memory_bytes += check_memories(section)?,
            Payload::TableSection(section) => {
                add(&mut self.tables, section.count(), tables, "tables")?;
                check_tables(section)?;
            }
            Payload::CodeSectionEntry(body) => {
                self.largest_body = self.largest_body.max(body.range().len());
                self.check_body_size(body)?;
            }
            Payload::ComponentImportSection(section) if self.depth == 1 => {
                self.imported.extend(component::check_imports(section)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// What it imports itself, if it is a component.
    pub(super) fn imported(&self) -> &[String] {
        &self.imported
    }

    /// What it takes of each limit.
    pub(super) fn usage(&self) -> Vec<Usage> {
        let of = |what, used, most| Usage { what, used, most };
        let body = of("function-body", self.largest_body as u64, self.most.body_bytes as u64);
        let memory = of("memory", self.memory_bytes, limits::GUEST_MEMORY_BYTES as u64);
        let mut usage = vec![
            of("functions", self.functions, self.most.functions),
            body,
            of(self.most.imports_rule, self.imports, self.most.imports),
            of("exports", self.exports, limits::COMPONENT_EXPORTS),
            of("types", self.types, limits::COMPONENT_TYPES),
            of("data-segments", self.data_segments, self.most.data_segments),
            memory,
        ];
        if self.nested > 0 {
            usage.push(of("nested-modules", self.nested, limits::COMPONENT_NESTED));
        }
        usage
    }

    fn check_body_size(&self, body: &FunctionBody<'_>) -> Result<(), GuestRefused> {
        let (range, most) = (body.range(), self.most.body_bytes);
        if range.len() <= most {
            return Ok(());
        }
        let message =
            format!("the function at offset {:#x} has {} bytes, the limit is {most}", range.start, range.len());
        Err(refused("function-body", message))
    }
}

/// What the memories begin with, in bytes.
fn check_memories(section: &MemorySectionReader<'_>) -> Result<u64, GuestRefused> {
    let most = limits::GUEST_MEMORY_GRANTED_BYTES as u64 / PAGE_BYTES;
    let mut all = 0;
    for memory in section.clone() {
        let pages = memory.map_err(|error| invalid(&error))?.initial;
        if pages > most {
            return Err(refused(
                "memory",
                format!("a memory starts with {pages} pages of 64 KiB, the limit is {most}"),
            ));
        }
        all += pages * PAGE_BYTES;
    }
    Ok(all)
}

fn check_tables(section: &TableSectionReader<'_>) -> Result<(), GuestRefused> {
    let most = limits::GUEST_TABLE_ELEMENTS as u64;
    for table in section.clone() {
        let elements = table.map_err(|error| invalid(&error))?.ty.initial;
        if elements > most {
            return Err(refused("table", format!("a table starts with {elements} elements, the limit is {most}")));
        }
    }
    Ok(())
}

/// No `br_table` of a function has too many targets.
pub(super) fn check_branch_tables(body: &FunctionBody<'_>) -> Result<(), GuestRefused> {
    let mut operators = body.get_operators_reader().map_err(|error| invalid(&error))?;
    while !operators.eof() {
        let offset = operators.original_position();
        if let Operator::BrTable { targets } = operators.read().map_err(|error| invalid(&error))?
            && targets.len() > limits::COMPONENT_BR_TABLE_TARGETS
        {
            let (found, most) = (targets.len(), limits::COMPONENT_BR_TABLE_TARGETS);
            let message = format!("the br_table at offset {offset:#x} has {found} targets, the limit is {most}");
            return Err(refused("br-table", message));
        }
    }
    Ok(())
}
