//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(
        &get(admin_account::get)
            .put(admin_account::put)
            .delete(admin_account::delete)
            .post(admin_account::post),
    )
}
