//! The HTTP API of a template: its routes, which of them want signed requests, and the policies that allow those.
//!
//! Follows SAM's `AWS::Serverless::HttpApi` and the event `HttpApi` of its functions
//! (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-httpapi-httpapiauth.html>).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::model::{HttpApi, Route, Template, TemplateError};
use super::statement::Statement;

/// The service of permissions to call an API.
const SERVICE: &str = "execute-api";

/// The authorizer that SAM has built in: requests are signed, and IAM decides.
const IAM: &str = "AWS_IAM";

/// The API that SAM makes of routes that name none.
pub(super) fn implicit() -> HttpApi {
    HttpApi { id: IMPLICIT.to_owned(), has_iam_authorizer: false }
}

const IMPLICIT: &str = "ServerlessHttpApi";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiEvent {
    #[serde(rename = "ApiId")]
    _api_id: Option<String>,
    method: Option<String>,
    path: Option<String>,
    auth: Option<RouteAuth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteAuth {
    authorizer: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ApiAuth {
    #[serde(default)]
    enable_iam_authorizer: bool,
}

/// The API that a resource describes; `former` is the one known so far.
pub(super) fn http_api(id: &str, properties: &Value, former: &HttpApi) -> Result<HttpApi, TemplateError> {
    if former.id != IMPLICIT {
        return Err(TemplateError::new(id, "the local stack plays one HTTP API"));
    }
    if !properties["StageName"].is_null() {
        return Err(TemplateError::new(id, "the local stack plays the stage $default only"));
    }
    let auth = match &properties["Auth"] {
        Value::Null => ApiAuth::default(),
        auth => ApiAuth::deserialize(auth).map_err(|error| {
            let known = "only EnableIamAuthorizer is known to the local stack";
            TemplateError::new(format!("{id}.Properties.Auth"), format!("{error}; {known}"))
        })?,
    };
    Ok(HttpApi { id: id.to_owned(), has_iam_authorizer: auth.enable_iam_authorizer })
}

/// The route of a function's event; an event may leave out `Properties` altogether.
pub(super) fn route(place: &str, properties: &Value) -> Result<Route, TemplateError> {
    let wrong = |problem: String| TemplateError::new(place, problem);
    let properties = if properties.is_null() { json!({}) } else { properties.clone() };
    let event = HttpApiEvent::deserialize(&properties).map_err(|error| wrong(error.to_string()))?;
    if let Some(problem) = event.path.as_deref().and_then(problem_of_path) {
        return Err(wrong(problem));
    }
    let iam = match event.auth.map(|auth| auth.authorizer).as_deref() {
        None => false,
        Some(IAM) => true,
        Some(other) => return Err(wrong(format!("the authorizer {other} is not known to the local stack"))),
    };
    let method = event.method.map(|method| method.to_ascii_uppercase());
    Ok(Route { method: method.filter(|method| method != "ANY"), path: event.path, iam })
}

/// What is wrong with a path: its segments are plain text or one `{name}`, and the last may be `{name+}`, which takes all
/// that follows.
fn problem_of_path(path: &str) -> Option<String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some(format!("the path {path} does not start at the root"));
    };
    let segments: Vec<&str> = rest.split('/').collect();
    let mut names = BTreeSet::new();
    for (index, segment) in segments.iter().enumerate() {
        let Some(variable) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if segment.contains(['{', '}']) {
                return Some(format!("the path {path} has a variable that is not a whole segment"));
            }
            continue;
        };
        let name = variable.strip_suffix('+').unwrap_or(variable);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(is_name) {
            return Some(format!("the path {path} has a variable without a proper name"));
        }
        if name.len() < variable.len() && index + 1 < segments.len() {
            return Some(format!("the path {path} has something after {{{variable}}}, which takes all"));
        }
        if !names.insert(name) {
            return Some(format!("the path {path} has two variables {name}"));
        }
    }
    None
}

/// The statements of a managed policy, if it is one for callers of the API. Other policies are read too, so that a mistake
/// in one is found here.
pub(super) fn policy_for_callers(
    id: &str,
    properties: &Value,
) -> Result<Option<Vec<Statement>>, TemplateError> {
    let place = format!("{id}.Properties.PolicyDocument.Statement");
    let list = match &properties["PolicyDocument"]["Statement"] {
        Value::Array(list) => list.clone(),
        statement @ Value::Object(_) => vec![statement.clone()],
        _ => return Err(TemplateError::new(place, "is missing")),
    };
    let mut statements = Vec::new();
    for (index, statement) in list.iter().enumerate() {
        let statement = Statement::parse(statement);
        statements
            .push(statement.map_err(|problem| TemplateError::new(format!("{place}[{index}]"), problem))?);
    }
    let is_for_callers = statements.iter().any(|statement| statement.names_service(SERVICE));
    Ok(is_for_callers.then_some(statements))
}

/// Checks that no two routes take the same requests, and that the API has the authorizer that routes want.
pub(super) fn check(template: &Template) -> Result<(), TemplateError> {
    let mut taken = BTreeSet::new();
    for function in &template.functions {
        let place = || format!("{}.Events", function.logical_id);
        for route in &function.routes {
            if !taken.insert(route.shape()) {
                let problem = format!("the route {} belongs to another function already", route.key());
                return Err(TemplateError::new(place(), problem));
            }
            if route.iam && !template.http_api.has_iam_authorizer {
                let problem =
                    format!("the route {} wants {IAM}, and the API lacks EnableIamAuthorizer", route.key());
                return Err(TemplateError::new(place(), problem));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_variables_for_whole_segments() {
        for path in ["/", "/a", "/a/", "/a/{x}", "/a/{x_1}/b/{y-2}", "/{proxy+}", "/a/{x}/{rest+}"] {
            assert_eq!(problem_of_path(path), None, "{path}");
        }
        for (path, problem) in [
            ("", "does not start at the root"),
            ("a", "does not start at the root"),
            ("/a{x}", "not a whole segment"),
            ("/{x}b", "not a whole segment"),
            ("/{x", "not a whole segment"),
            ("/{}", "without a proper name"),
            ("/{+}", "without a proper name"),
            ("/{a b}", "without a proper name"),
            ("/{a}{b}", "without a proper name"),
            ("/{x+}/b", "something after {x+}"),
            ("/{x}/{x}", "two variables x"),
            ("/{x}/{x+}", "two variables x"),
        ] {
            let found = problem_of_path(path).unwrap_or_default();
            assert!(found.contains(problem), "{path}: {found}");
        }
    }
}
