//! The workspace that this program was built from: its folder and its template.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::template::Template;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package.parent().map_or(package.clone(), PathBuf::from)
}

/// Reads the workspace's template with the given parameters. Links lead to this port, and products can sign their people in, manage
/// their accounts and get events, unless they say otherwise.
pub fn template(page_port: u16, given: &BTreeMap<String, String>) -> anyhow::Result<Template> {
    let file = root().join("template.yaml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut parameters = BTreeMap::from([
        ("PublicUrl".to_owned(), format!("http://127.0.0.1:{page_port}")),
        ("MailFrom".to_owned(), "no-reply@example.com".to_owned()),
        ("OpenIdConnect".to_owned(), "true".to_owned()),
        ("AccountApi".to_owned(), "true".to_owned()),
        ("EventBusName".to_owned(), "products".to_owned()),
    ]);
    parameters.extend(given.clone());
    Template::parse(&text, &parameters)
}
