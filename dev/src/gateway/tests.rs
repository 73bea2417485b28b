//! The gateway with a function that answers each event with itself, over HTTP.
use std::collections::BTreeMap;

use axum::http::HeaderMap;
use reqwest::RequestBuilder;
use time::{Duration as Span, OffsetDateTime};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;

use super::authorizer::tests::TEMPLATE;
use super::callers::{Callers, SERVICE};
use super::*;
use crate::logs::Printing;
use crate::signature::Signable;
use crate::template::REGION;

/// What `--aws-sigv4` needs.
const CURL_SINCE: (u32, u32) = (7, 75);

struct Api {
    host: String,
    callers: Callers,
    http: reqwest::Client,
    invocations: watch::Receiver<usize>,
    logs: Logs,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let host = listener.local_addr().expect("it is bound").to_string();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    host
}

async fn api() -> Api {
    let template = Template::parse(TEMPLATE, &BTreeMap::new()).expect("a template");
    let runtime = RuntimeApi::new(&template, &[]);
    let logs = Logs::new(Printing::Nothing);
    let options = Options::default();
    let gateway = Gateway::new(&template, runtime.clone(), Calls::default(), logs.clone(), &options);
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (counter, invocations) = watch::channel(0);
    let runtime =
        format!("http://{}/runtime/things/2018-06-01/runtime/invocation", serve(runtime.router()).await);
    let function = http.clone();
    tokio::spawn(async move {
        while let Ok(next) = function.get(format!("{runtime}/next")).send().await {
            counter.send_modify(|count| *count += 1);
            let id = next.headers()["lambda-runtime-aws-request-id"].to_str().expect("an id").to_owned();
            let event = next.bytes().await.expect("an event");
            let answered = function.post(format!("{runtime}/{id}/response")).body(event).send().await;
            answered.expect("the runtime takes it");
        }
    });
    Api { host: serve(gateway.router()).await, callers: Callers::of(&template), http, invocations, logs }
}

impl Api {
    fn request(&self, method: &str, target: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("http://{}{target}", self.host))
    }

    /// The headers of a signature for this region and time.
    fn signature(
        &self,
        name: &str,
        (method, target): (&str, &str),
        body: &str,
        at: OffsetDateTime,
    ) -> HeaderMap {
        let signer = self.callers.named(name).expect("a caller").signer();
        let headers = [("host", &*self.host)];
        let request = Signable { method, target, headers: &headers, body: body.as_bytes() };
        let added = signer.sign(&request, at).expect("it can be signed");
        let added = added
            .into_iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        added.collect::<Vec<(axum::http::HeaderName, axum::http::HeaderValue)>>().into_iter().collect()
    }

    fn invocations(&self) -> usize {
        *self.invocations.borrow()
    }
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("it answers");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("it answers JSON"))
}

#[tokio::test]
async fn a_signed_request_starts_the_function_and_its_event_names_the_caller() {
    let api = api().await;
    let put = ("PUT", "/things/a%2B1?note=x");
    let signature = api.signature("write-things", put, "{}", clock::now());
    let (status, event) = answer(api.request(put.0, put.1).headers(signature).body("{}")).await;
    assert_eq!(status, 200, "{event}");
    assert_eq!(event["routeKey"], "PUT /things/{id}");
    assert_eq!(event["rawPath"], "/things/a+1");
    assert_eq!(event["pathParameters"], json!({ "id": "a+1" }));
    let iam = &event["requestContext"]["authorizer"]["iam"];
    assert_eq!(iam["userArn"], "arn:aws:iam::000000000000:user/write-things");
    assert_eq!(event["requestContext"]["apiId"], "Api");
    let (status, event) = answer(api.request("GET", "/open")).await;
    assert!(status == 200 && event["requestContext"].get("authorizer").is_none(), "{event}");
    assert_eq!(api.invocations(), 2);
}

#[tokio::test]
async fn a_refused_request_starts_no_function_and_every_refusal_is_the_same() {
    let api = api().await;
    let (get, put) = (("GET", "/things/a-1"), ("PUT", "/things/a-1"));
    let now = clock::now();
    let sign = |name: &str, what, body: &str, at| api.signature(name, what, body, at);
    let requests = [
        api.request(get.0, get.1),
        api.request(get.0, get.1).header("authorization", "Bearer x"),
        api.request(put.0, put.1).headers(sign("read-things", put, "{}", now)).body("{}"),
        api.request(get.0, get.1).headers(sign("nobody", get, "", now)),
        api.request(put.0, put.1).headers(sign("write-things", put, "{}", now)).body("{\"admin\":true}"),
        api.request(put.0, "/things/a-2").headers(sign("write-things", put, "{}", now)).body("{}"),
        api.request(get.0, get.1).headers(sign("read-things", get, "", now - Span::minutes(6))),
        api.request(get.0, get.1).headers(sign("read-things", get, "", now + Span::minutes(6))),
    ];
    let count = requests.len();
    for (index, request) in requests.into_iter().enumerate() {
        let (status, body) = answer(request).await;
        assert_eq!((status, body), (403, json!({ "message": "Forbidden" })), "request {index}");
    }
    // Whatever waited for the function would have come before this one.
    let (status, _) = answer(api.request(get.0, get.1).headers(sign("read-things", get, "", now))).await;
    assert_eq!((status, api.invocations()), (200, 1));
    let reasons = api.logs.lines().iter().filter(|line| line.contains("refused: ")).count();
    assert_eq!(reasons, count, "the developer is told each time");
}

/// The version of curl on this machine, if there is one.
async fn curl_version() -> Option<(u32, u32)> {
    let output = Command::new("curl").arg("--version").output().await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().nth(1)?.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[tokio::test]
async fn curl_signs_requests_that_are_taken() {
    if curl_version().await.is_none_or(|version| version < CURL_SINCE) {
        println!("left out: no curl that can sign");
        return;
    }
    let api = api().await;
    for (name, method, body, status) in [
        ("write-things", "PUT", Some("{\"name\":\"Mina\"}"), "200"),
        ("read-things", "GET", None, "200"),
        ("read-things", "PUT", Some("{}"), "403"),
    ] {
        let caller = api.callers.named(name).expect("a caller");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"]);
        curl.args(["--aws-sigv4", &format!("aws:amz:{REGION}:{SERVICE}"), "--request", method]);
        curl.args(["--user", &format!("{}:{}", caller.access_key_id(), caller.secret())]);
        if let Some(body) = body {
            curl.args(["--header", "content-type: application/json", "--data", body]);
        }
        let output = curl.arg(format!("http://{}/things/a-1", api.host)).output().await.expect("curl runs");
        let log = api.logs.lines().join("\n");
        assert_eq!(String::from_utf8_lossy(&output.stdout), status, "{name} {method}: {log}");
    }
}
