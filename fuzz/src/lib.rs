//! What the fuzz targets run: the properties and test doubles of `tests/`, which no shipped crate contains.
#[path = "../../tests/properties/mod.rs"]
pub mod properties;

/// What the properties stand on.
pub mod support {
    #[path = "../../../tests/support/platform.rs"]
    pub mod platform;
}
