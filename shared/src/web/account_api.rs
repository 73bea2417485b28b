//! Requests under `/admin` that no route of the account API takes. API Gateway gives them to the function of the default route, as
//! it does with every page that there is not; but they come from programs.
//!
//! The routes themselves are in `template.yaml`, each with one method, because IAM tells them apart (docs/decisions/0035). Here is
//! which methods a path has; a test compares the two.
use http::Method;

use super::{Code, Problem, Reply};
use crate::texts::Texts;

/// The path under which all of it is, as the log names a request: an external id may be an address.
pub const ROOT: &str = "/admin";

/// Whether a path is for programs of products.
pub fn has(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The answer to a request that no route takes.
pub fn unrouted(method: &Method, path: &str, texts: &Texts) -> Reply {
    match methods(path) {
        Some(allow) if *method == Method::OPTIONS => Reply::options(allow.to_owned()),
        // The method is one of its own: the API is off, or the path has come here in another way.
        Some(allow) if !allow.split(", ").any(|own| own == method.as_str()) => {
            Reply::method_not_allowed(allow.to_owned(), texts.clone())
        }
        _ => Reply::problem(Problem::from(Code::NotFound), texts.clone()),
    }
}

/// The methods of a path, as in an `Allow` header (RFC 9110 section 10.2.1); nothing if the API has no such path.
fn methods(path: &str) -> Option<&'static str> {
    let rest = path.strip_prefix("/admin/accounts/")?;
    match rest.split_once('/') {
        None if !rest.is_empty() => Some("GET, PUT, DELETE, OPTIONS"),
        Some((id, "disable" | "enable" | "end-sessions" | "hand-over")) if !id.is_empty() => {
            Some("POST, OPTIONS")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_of_its_routes_or_is_none() {
        for (path, allowed) in [
            ("/admin/accounts/user-7f3a", Some("GET, PUT, DELETE, OPTIONS")),
            ("/admin/accounts/a|b", Some("GET, PUT, DELETE, OPTIONS")),
            ("/admin/accounts/a/disable", Some("POST, OPTIONS")),
            ("/admin/accounts/a/hand-over", Some("POST, OPTIONS")),
            ("/admin/accounts/a/b", None),
            ("/admin/accounts/a/", None),
            ("/admin/accounts/a/disable/", None),
            ("/admin/accounts//disable", None),
            ("/admin/accounts/", None),
            ("/admin/accounts", None),
            ("/admin", None),
        ] {
            assert!(has(path), "{path}");
            assert_eq!(methods(path), allowed, "{path}");
        }
        for path in ["/", "/administration", "/account", "/x/admin", "//admin/accounts/a"] {
            assert!(!has(path), "{path}");
        }
    }
}
