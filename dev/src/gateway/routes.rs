//! Which route takes a request, and the values of the variables in its path. Pure.

use std::collections::BTreeMap;

use super::encoding;
use crate::template::{Route, Template};

/// The routes of an API, each with its function.
#[derive(Debug, Clone)]
pub struct Routes(Vec<(Route, String)>);

/// A route that takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'r> {
    /// The route.
    pub route: &'r Route,
    /// Its function's name.
    pub function: &'r str,
    /// The path of the request, decoded.
    pub path: String,
    /// The values of the path's variables, decoded.
    pub parameters: BTreeMap<String, String>,
}

/// How well a route fits: first those without a variable that takes the rest, then plain segments before variables, from the
/// left, then a method before `ANY`.
type Rank = (bool, Vec<bool>, bool);

impl Routes {
    /// Those of a template.
    pub fn of(template: &Template) -> Self {
        let functions = template.functions.iter();
        let routes = functions
            .flat_map(|function| function.routes.iter().map(|route| (route.clone(), function.name.clone())));
        Self(routes.collect())
    }

    /// The route for a method and a path that is still encoded: the most specific one, or `$default`.
    ///
    /// The order is that of
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html#http-api-develop-routes.evaluation>,
    /// which compares paths before methods.
    pub fn find(&self, method: &str, raw_path: &str) -> Option<Found<'_>> {
        let path = encoding::path(raw_path);
        let takes = |route: &Route| route.method.as_deref().is_none_or(|own| own == method);
        let fitting = self.0.iter().filter(|(route, _)| takes(route)).filter_map(|(route, function)| {
            let (rank, parameters) = match &route.path {
                None => (None, BTreeMap::new()),
                Some(pattern) => {
                    let (greedy, variables, parameters) = fit(pattern, &path)?;
                    (Some((greedy, variables, route.method.is_none())), parameters)
                }
            };
            Some((rank, route, function, parameters))
        });
        let no_path = |rank: &Option<Rank>| rank.is_none();
        let best = fitting.min_by(|(one, ..), (other, ..)| (no_path(one), one).cmp(&(no_path(other), other)));
        best.map(|(_, route, function, parameters)| Found { route, function, path, parameters })
    }
}

/// Whether a path fits a route's: whether the last variable takes the rest, which segments are variables, and their values.
fn fit(pattern: &str, path: &str) -> Option<(bool, Vec<bool>, BTreeMap<String, String>)> {
    let mut variables = Vec::new();
    let mut parameters = BTreeMap::new();
    let mut rest = Some(path.strip_prefix('/')?);
    for segment in pattern.strip_prefix('/')?.split('/') {
        let left = rest?;
        let variable = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
        if let Some(name) = variable.and_then(|name| name.strip_suffix('+')) {
            parameters.insert(name.to_owned(), left.to_owned());
            variables.push(true);
            return (!left.is_empty()).then_some((true, variables, parameters));
        }
        let (own, after) = left.split_once('/').map_or((left, None), |(own, after)| (own, Some(after)));
        match variable {
            Some(_) if own.is_empty() => return None,
            Some(name) => {
                parameters.insert(name.to_owned(), own.to_owned());
            }
            None if own != segment => return None,
            None => {}
        }
        variables.push(variable.is_some());
        rest = after;
    }
    rest.is_none().then_some((false, variables, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        let route = |key: &&str| {
            let (method, path) = key.split_once(' ').map_or((None, None), |(method, path)| {
                ((method != "ANY").then(|| method.to_owned()), Some(path.to_owned()))
            });
            (Route { method, path, iam: false }, (*key).to_owned())
        };
        Routes(keys.iter().map(route).collect())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "ANY /login",
            "POST /login",
            "ANY /{all+}",
            "GET /things/{id}",
            "PUT /things/{id}",
            "GET /things/{rest+}",
            "GET /things/known",
            "ANY /things/{id}/end",
            "ANY /{any}/b",
        ];
        let every_order = [routes(&keys), routes(&keys.into_iter().rev().collect::<Vec<_>>())];
        for (method, path, key) in [
            ("POST", "/login", "POST /login"),
            ("GET", "/login", "ANY /login"),
            ("GET", "/login/", "ANY /{all+}"),
            ("GET", "/", "$default"),
            ("GET", "/things/a", "GET /things/{id}"),
            ("PUT", "/things/a", "PUT /things/{id}"),
            ("GET", "/things/known", "GET /things/known"),
            ("PUT", "/things/known", "PUT /things/{id}"),
            ("DELETE", "/things/a", "ANY /{all+}"),
            ("GET", "/things/a/b", "GET /things/{rest+}"),
            ("POST", "/things/a/end", "ANY /things/{id}/end"),
            ("GET", "/things/a%2Fend", "ANY /things/{id}/end"),
            ("GET", "/things//end", "GET /things/{rest+}"),
            ("GET", "/things/", "ANY /{all+}"),
            // A path without a variable that takes all goes first.
            ("GET", "/things/b", "GET /things/{id}"),
            ("GET", "/other/b", "ANY /{any}/b"),
            ("get", "/things/a", "ANY /{all+}"),
        ] {
            for routes in &every_order {
                assert_eq!(
                    routes.find(method, path).map(|found| found.function),
                    Some(key),
                    "{method} {path}"
                );
            }
        }
        assert_eq!(routes(&["GET /a"]).find("GET", "/b"), None);
        assert_eq!(routes(&["GET /a"]).find("PUT", "/a"), None);
    }

    #[test]
    fn variables_have_decoded_values() {
        let routes = routes(&["ANY /things/{id}/end", "ANY /things/{id}", "ANY /files/{name+}"]);
        for (path, name, value) in [
            ("/things/a-1", "id", "a-1"),
            ("/things/a%2Bb+c", "id", "a+b+c"),
            ("/things/s%C3%B8ren", "id", "søren"),
            ("/things/50%25", "id", "50%"),
            ("/things/a%252Fb", "id", "a%2Fb"),
            ("/things/a%20b/end", "id", "a b"),
            ("/things/..", "id", ".."),
            ("/files/a/b%2Fc", "name", "a/b/c"),
        ] {
            let found = routes.find("GET", path).expect(path);
            assert_eq!(found.parameters, BTreeMap::from([(name.to_owned(), value.to_owned())]), "{path}");
        }
        for path in ["/things/a%2Fb", "/things/", "/things//end", "/files/", "/files", "/things/a/b/end"] {
            assert_eq!(routes.find("GET", path), None, "{path}");
        }
    }
}
