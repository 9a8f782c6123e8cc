//! Generated from the contracts; one module per world.

/// `tierfall:source`, what source plugins are written against.
pub(crate) mod source {
    wasmtime::component::bindgen!({
        path: "../../wit/source-0.1.0",
        world: "plugin",
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
