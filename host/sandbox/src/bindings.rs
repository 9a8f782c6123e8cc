//! Generated from the contracts; one module per world.

/// `tierfall:source`, what source plugins are written against.
pub(crate) mod source {
    wasmtime::component::bindgen!({
        path: "../../wit/source-0.2.0",
        world: "plugin",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// Its first version: what plugins import is the same in both, under another name.
pub(crate) mod source_0_1 {
    wasmtime::component::bindgen!({
        path: "../../wit/source-0.1.0",
        world: "plugin",
        with: {
            "tierfall:source/http@0.1.0": crate::bindings::source::tierfall::source::http,
            "tierfall:source/log@0.1.0": crate::bindings::source::tierfall::source::log,
            "tierfall:source/clock@0.1.0": crate::bindings::source::tierfall::source::clock,
        },
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// `tierfall:proof`, the PDF examiner.
pub(crate) mod proof {
    wasmtime::component::bindgen!({
        path: "../../wit/proof-0.2.0",
        world: "examiner",
        exports: { default: async },
    });
}
