//! How an event source mapping invokes its function: as a process of this stack, or through Lambda's Invoke API where
//! something else runs it.

use axum::body::Bytes;
use reqwest::Client;

use crate::lambda::runtime_api::RuntimeApi;

/// The header by which Lambda says that the payload is an error.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// The way to one function.
#[derive(Debug)]
pub struct Invoker(Way);

#[derive(Debug)]
enum Way {
    Process { runtime: RuntimeApi, function: String },
    Lambda { client: Client, url: String },
}

impl Invoker {
    /// A process of this stack.
    pub fn of_process(runtime: RuntimeApi, function: &str) -> Self {
        Self(Way::Process { runtime, function: function.to_owned() })
    }

    /// A function, by its logical id, of the Lambda endpoint at this URL, as `sam local start-lambda` serves it.
    pub fn of_lambda(client: Client, endpoint: &str, logical_id: &str) -> Self {
        let url = format!("{endpoint}/2015-03-31/functions/{logical_id}/invocations");
        Self(Way::Lambda { client, url })
    }

    /// Invokes the function and waits for its response; the error says why there is none.
    pub async fn invoke(&self, payload: Bytes) -> Result<Bytes, String> {
        match &self.0 {
            Way::Process { runtime, function } => match runtime.invoke(function, payload).await {
                Ok(completed) => Ok(completed.payload),
                Err(failed) => Err(failed.reason.to_string()),
            },
            Way::Lambda { client, url } => invoke(client, url, payload).await,
        }
    }
}

async fn invoke(client: &Client, url: &str, payload: Bytes) -> Result<Bytes, String> {
    let sent = client.post(url).header("content-type", "application/json").body(payload).send().await;
    let response = sent.map_err(|error| format!("no answer at {url}: {error}"))?;
    let status = response.status();
    let failed = !status.is_success() || response.headers().contains_key(FUNCTION_ERROR);
    let answer = response.bytes().await.map_err(|error| format!("the answer broke off: {error}"))?;
    if failed {
        return Err(format!("{status} {}", String::from_utf8_lossy(&answer)));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_error_of_the_function_is_no_answer() {
        let path = |name: &str| format!("/2015-03-31/functions/{name}/invocations");
        let router = Router::new()
            .route(&path("Good"), post(|body: Bytes| async { body }))
            .route(&path("Bad"), post(|| async { ([(FUNCTION_ERROR, "Unhandled")], "{}") }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::builder().no_proxy().build().expect("a client");
        for (name, outcome) in
            [("Good", Ok("event")), ("Bad", Err("200 OK {}")), ("None", Err("404 Not Found "))]
        {
            let invoker = Invoker::of_lambda(client.clone(), &endpoint, name);
            let answer = invoker.invoke(Bytes::from("event")).await;
            assert_eq!(answer, outcome.map(Bytes::from).map_err(str::to_owned), "{name}");
        }
        server.abort();
    }
}
