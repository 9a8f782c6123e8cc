//! What `wit-bindgen` makes of the contract. Authors use the names in the crate's root.

wit_bindgen::generate!({
    path: "../../wit/source-0.2.0",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "tierfall_sdk::bindings",
    additional_derives: [PartialEq],
    generate_all,
});
