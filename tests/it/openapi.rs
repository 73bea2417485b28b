//! The description of the API for programs, `openapi.yaml`. What answers look like is checked wherever a test gets one
//! (`support::contract`); here is what no single answer shows.
use std::collections::BTreeSet;

use shared::web::Code;

use crate::support::{Ask, World, contract, template};

#[tokio::test]
async fn every_route_is_described_with_its_methods_and_nothing_else_is() {
    let world = World::new();
    let routes = || template().functions.iter().flat_map(|function| &function.routes);
    let paths: BTreeSet<&str> = routes().filter_map(|route| route.path.as_deref()).collect();
    assert_eq!(contract().paths(), paths);
    for path in paths {
        let own = routes().filter(|route| route.path.as_deref() == Some(path));
        let own: Option<BTreeSet<String>> =
            own.map(|route| route.method.as_deref().map(str::to_ascii_lowercase)).collect();
        // A route for any method leads to a function that says which ones it answers.
        let methods = match own {
            Some(methods) => methods,
            None => answered(&world, path).await,
        };
        assert_eq!(contract().methods(path), Some(methods), "{path}");
    }
}

/// The methods that a function answers, but for those that need no description.
async fn answered(world: &World, path: &str) -> BTreeSet<String> {
    let allowed = world.visitor().ask(&Ask::new("OPTIONS", path)).await;
    assert_eq!(allowed.status, 204, "{path}");
    let methods = allowed.header("allow").split(", ").map(str::to_ascii_lowercase);
    methods.filter(|method| !matches!(&**method, "head" | "options")).collect()
}

#[test]
fn every_problem_code_is_described_with_a_status_that_it_has() {
    let described = contract().part("/components/schemas/Problem/properties/code/enum").expect("codes");
    let described: BTreeSet<&str> =
        described.as_array().expect("a list").iter().filter_map(|code| code.as_str()).collect();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(described, codes);
    for path in contract().paths() {
        for method in contract().methods(path).expect("it is there") {
            let pointer = format!("/paths/{}/{method}/responses", path.replace('/', "~1"));
            let responses = contract().part(&pointer).and_then(|part| part.as_object()).expect("responses");
            for (status, response) in responses {
                let shared = response["$ref"].as_str().map(|shared| shared.trim_start_matches('#'));
                let response =
                    shared.map_or(response, |shared| contract().part(shared).expect("it is there"));
                let schema = &response["content"]["application/problem+json"]["schema"];
                let codes = schema["properties"]["code"]["enum"].as_array();
                for code in codes.into_iter().flatten().filter_map(|code| code.as_str()) {
                    let known = Code::ALL.iter().find(|known| known.as_str() == code);
                    let own = known.map(|known| known.status().as_str().to_owned());
                    assert_eq!(own.as_ref(), Some(status), "{method} {path}: {code}");
                }
            }
        }
    }
}
