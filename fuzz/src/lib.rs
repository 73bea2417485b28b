//! What the fuzz targets run: the properties and test doubles of `tests/`, which no shipped crate contains.
#[path = "../../tests/properties/mod.rs"]
pub mod properties;

pub mod support;
