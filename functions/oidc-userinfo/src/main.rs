//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(oidc_userinfo::get).post(oidc_userinfo::post))
}
