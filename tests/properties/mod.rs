//! What holds for every input: one function for each kind of input. Each takes bytes, reads them as that kind and
//! panics where a property fails. The fuzz targets in `fuzz/` and the property tests in `tests/it` run the same
//! functions.
pub mod requests;

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use lambda_http::request::LambdaRequest;
use requests::{SITE, variable};
use shared::app::Mailer;
use shared::error::Error;
use shared::runtime::answer_stream;
use shared::web::guard::{Event, guard};
use shared::web::{Code, EmptyForm, LinkForm, LocalPath, MAX_BODY_BYTES, Request};

use crate::support::platform::{TestClock, TestPlatform};
use domain::email_address::{MAX_BYTES, MAX_LOCAL_BYTES};
use domain::{
    ClientInfo, EmailAddress, HashingKey, Identifier, Language, LinkCode, MessageId, Token, TypedAddress,
    TypedPassword, Username, username,
};

/// A property of all bytes.
pub type Property = fn(&[u8]);

/// Every property by the name of its fuzz target.
pub const ALL: [(&str, Property); 9] = [
    ("event", event),
    ("form", form),
    ("cookie", cookie),
    ("token", token),
    ("link_code", link_code),
    ("address", address),
    ("identifier", identifier),
    ("next", next),
    ("stream", stream),
];

const COOKIE: &str = "__Host-session";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first byte, which chooses, and the rest.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

fn is_one_clean_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The fields of the site's forms.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailForm {
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordForm {
    identifier: String,
    #[serde(default)]
    password: TypedPassword,
    #[serde(default)]
    next: LocalPath,
}

/// Every event that deserialises becomes a request without a panic, a header cannot change the client's address, and
/// every part that was read is what it should be.
pub fn event(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event>(data) else { return };
    let said = event.0.request_context.http.source_ip.as_deref();
    let said = said.and_then(|address| address.parse::<std::net::IpAddr>().ok());
    let request = read(event);
    if let Some(said) = said {
        assert_eq!(request.client(), said, "the client's address is the gateway's word");
    }
    assert!(request.path().starts_with('/'), "{:?}", request.path());
    read_everything(&request);
}

/// The request of an event, as the runtime builds it.
fn read(event: Event) -> Request {
    Request::from(lambda_http::Request::from(LambdaRequest::ApiGatewayV2(guard(event))))
}

fn read_everything(request: &Request) {
    let _ = request.wants_json();
    assert!(Language::ALL.contains(&request.language()));
    let ClientInfo { network, .. } = request.client_info();
    assert!(network.contains('x') || network.contains('…'), "an address is never told in full: {network}");
    if request.check_origin().is_err() {
        assert!(!request.method().is_safe(), "reading is allowed from anywhere");
    }
    let form = request.form::<LinkForm>().ok();
    let _ = form.as_ref().and_then(|form| form.code.as_deref()).map(LinkCode::parse);
    let tokens = request.link_token().into_iter().chain(form.and_then(|form| form.token()));
    let tokens = tokens.chain(request.session());
    tokens.chain(request.link_requests()).for_each(|token| assert_shows_itself(&token));
    let _ = request.wanted_change().and_then(|wanted| wanted.typed_by(&domain::AccountId::nobody()));
    let next = request.query("next").unwrap_or_default();
    assert_stays_here(&LocalPath::from(next));
    let _ = request.form::<EmptyForm>();
    let _ = request.form::<EmailForm>();
    if let Ok(form) = request.form::<PasswordForm>() {
        let _ = (Identifier::parse(&form.identifier), form.password);
        assert_stays_here(&form.next);
    }
}

/// A POST with this body. The media type and the coding are chosen by the first byte.
fn posted(choice: u8, body: &[u8]) -> Request {
    let mut event = ApiGatewayV2httpRequest::default();
    event.request_context.http.method = Method::POST;
    let media_type = match choice % 4 {
        0 => FORM,
        1 => JSON,
        2 => "application/json; charset=utf-8",
        _ => "text/plain",
    };
    event.headers.insert("content-type", HeaderValue::from_static(media_type));
    event.is_base64_encoded = text(body).is_none() || choice & 4 != 0;
    event.body = Some(match text(body) {
        Some(text) if !event.is_base64_encoded => text.to_owned(),
        _ => STANDARD.encode(body),
    });
    read(Event(event))
}

/// A body over 16 KB is never parsed, nor is one of another type; the same fields mean the same as a form, as JSON and in
/// base64; an unknown or repeated field is refused.
pub fn form(data: &[u8]) {
    let (first, body) = choice(data);
    let request = posted(first, body);
    let read = request.form::<EmailForm>();
    read_everything(&request);
    if first % 4 == 3 {
        assert!(read.is_err(), "text is no form");
    }
    let Some(typed) = text(body) else { return };

    let as_form = serde_html_form::to_string([("email", typed)]).expect("a text is a field");
    let as_json = serde_json::json!({ "email": typed }).to_string();
    for (choice, written) in [(0, &as_form), (4, &as_form), (1, &as_json), (5, &as_json), (2, &as_json)] {
        let read = posted(choice, written.as_bytes()).form::<EmailForm>();
        if written.len() > MAX_BODY_BYTES {
            assert_too_large::<EmailForm>(&posted(choice, written.as_bytes()));
        } else {
            assert_eq!(read.ok().map(|form| form.email).as_deref(), Some(typed), "read as it was written");
        }
        let refused = posted(choice, written.as_bytes()).form::<EmptyForm>().is_err();
        let is_form = matches!(choice, 0 | 4);
        assert_eq!(
            refused,
            !is_form || written.len() > MAX_BODY_BYTES,
            "only a form may have a field too many"
        );
    }
    let twice = format!("{as_form}&{as_form}");
    assert!(posted(0, twice.as_bytes()).form::<EmailForm>().is_err(), "a field twice");

    // The same body after so much space that it is too large; JSON would accept the space.
    let padded = format!("{}{as_json}", " ".repeat(MAX_BODY_BYTES));
    for choice in [0, 1, 2, 4, 5] {
        assert_too_large::<EmailForm>(&posted(choice, padded.as_bytes()));
        assert_too_large::<BTreeMap<String, String>>(&posted(choice, padded.as_bytes()));
    }
}

fn assert_too_large<T: DeserializeOwned>(request: &Request) {
    let problem = request.form::<T>().err().expect("a body over 16 KB is never parsed");
    assert_eq!(problem.code, Code::BodyTooLarge);
}

fn with_cookies(lines: &[String]) -> Request {
    let mut event = ApiGatewayV2httpRequest::default();
    event.cookies = Some(lines.to_vec());
    read(Event(event))
}

/// A cookie that is not ours, or that we did not create, counts as none; ours is found among any others.
pub fn cookie(data: &[u8]) {
    let Some(line) = text(data) else { return };
    let read = with_cookies(&[line.to_owned()]).session();
    if let Some(token) = &read {
        assert!(
            line.contains(COOKIE) && line.contains(&token.expose()),
            "found what was not there: {line:?}"
        );
    }
    let plain = !line.contains(['=', ';']) && !line.trim().is_empty();
    if plain {
        let other = with_cookies(&[format!("{}={}", line, ours().expose())]);
        assert!(other.session().is_none() || line.trim() == COOKIE, "{line:?} is not ours");
    }
    if !line.contains(COOKIE) {
        assert!(read.is_none());
        let among = with_cookies(&[line.to_owned(), format!("{COOKIE}={}", ours().expose())]);
        assert_eq!(among.session().map(|found| found.hash()), Some(ours().hash()), "lost behind {line:?}");
    }
}

fn ours() -> Token {
    Token::from_bytes([0xa5; 32])
}

fn assert_shows_itself(token: &Token) {
    let shown = token.expose();
    assert_eq!(shown.len(), 43);
    assert_eq!(Token::parse(&shown).map(|read| read.hash()), Ok(token.hash()));
}

/// One text for one token: what parses is exactly what it shows.
pub fn token(data: &[u8]) {
    if let Some(typed) = text(data)
        && let Ok(token) = Token::parse(typed)
    {
        assert_shows_itself(&token);
        assert_eq!(token.expose(), typed, "two texts for one token");
        assert_ne!(token.hash().as_str(), typed, "what is stored is not what is mailed");
    }
    if let Ok(bytes) = data.try_into() {
        assert_shows_itself(&Token::from_bytes(bytes));
    }
}

/// A shown code parses as itself in any case and spacing; another request's code is refused.
pub fn link_code(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    let key = HashingKey::new("0123456789abcdef0123456789abcdef").expect("32 characters");
    let (request, code) = (MessageId::from_stored(typed), key.code_of(&MessageId::from_stored(typed)));
    assert!(key.is_code_of(&request, &code));
    if let Ok(read) = LinkCode::parse(typed) {
        assert_eq!(read.as_str().len(), 6);
        let lower = read.shown().to_lowercase();
        assert_eq!(LinkCode::parse(&lower).as_ref(), Ok(&read));
        assert_eq!(key.is_code_of(&request, &read), read == code);
        let compared = key.code_of(&MessageId::new(0, 0));
        assert_eq!(key.is_code_of(&MessageId::new(0, 0), &read), read == compared);
    }
    assert_eq!(LinkCode::parse(&code.shown()), Ok(code));
}

/// An address is ASCII without space and controls, within its bounds; canonicalising is idempotent, and a stored address
/// reads as the parsed one.
pub fn address(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    let Ok(address) = EmailAddress::parse(typed) else { return };
    for form in [address.as_str(), address.canonical()] {
        assert!(form.is_ascii() && is_one_clean_line(form) && !form.contains(' '), "{form:?}");
        assert!(form.len() <= MAX_BYTES, "{} bytes", form.len());
        let (local, domain) = form.rsplit_once('@').expect("an address has an @");
        assert!(!local.is_empty() && local.len() <= MAX_LOCAL_BYTES && !local.contains('"'), "{form:?}");
        assert!(domain.contains('.') && !domain.contains(['[', ':', '<', '>', ',']), "{form:?}");
        assert!(domain.split('.').all(|label| (1..=63).contains(&label.len())), "{form:?}");
    }
    let canonical = EmailAddress::parse(address.canonical()).expect("a canonical address is one");
    assert_eq!(canonical.canonical(), address.canonical(), "canonical once is canonical for good");
    assert_eq!(canonical, address);
    let stored = serde_json::to_string(&address).expect("an address is a text");
    let read: EmailAddress = serde_json::from_str(&stored).expect("what is stored reads");
    assert_eq!((read.as_str(), read.canonical()), (address.as_str(), address.canonical()));
    assert!(is_one_clean_line(&address.shown()), "{:?}", address.shown());
    assert!(!address.masked().contains(address.as_str()));
    assert!(!format!("{address:?}").contains(address.as_str()));
    let typed = TypedAddress::parse(typed).expect("an address looks like one");
    assert_eq!(typed.address(), Some(address), "the outbox carries the same address");
}

/// Every identifier has one canonical form, which is counted and compared; everything that the outbox may contain can be
/// read from it again.
pub fn identifier(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    let identifier = Identifier::parse(typed);
    let counted = identifier.counted_as();
    assert!(is_one_clean_line(counted), "{counted:?} would blur where one part of a bucket ends");
    assert!(counted.len() <= 1_024 + MAX_BYTES, "{} bytes", counted.len());
    match &identifier {
        Identifier::Email(address) => {
            assert!(typed.contains(['@', '\u{ff20}']) && address.canonical().contains('@'));
        }
        Identifier::Username(_) | Identifier::Neither(_) => {}
    }
    if let Ok(name) = Username::parse(typed) {
        let characters = name.as_str().chars().count();
        assert!((username::MIN_CHARS..=username::MAX_CHARS).contains(&characters));
        assert!(!name.canonical().contains('@') && is_one_clean_line(name.as_str()));
        let stored = Username::parse(name.as_str()).expect("what is stored reads");
        assert_eq!((stored.as_str(), stored.canonical()), (name.as_str(), name.canonical()));
        if let Ok(canonical) = Username::parse(name.canonical()) {
            assert_eq!(canonical.canonical(), name.canonical(), "canonical once is canonical for good");
        }
    }
    if let Ok(typed) = TypedAddress::parse(typed) {
        assert!(is_one_clean_line(typed.as_str()) && typed.as_str().len() <= MAX_BYTES);
        let stored = serde_json::to_string(&typed).expect("a text");
        let read: TypedAddress = serde_json::from_str(&stored).expect("what is queued can be handled");
        assert_eq!((&read, read.address()), (&typed, typed.address()));
    }
}

pub fn assert_stays_here(path: &LocalPath) {
    let shown = path.as_str();
    assert!(shown.starts_with('/') && !shown.starts_with("//") && !shown.starts_with("/\\"), "{shown:?}");
    assert!(HeaderValue::from_str(shown).is_ok(), "{shown:?} is no header");
    let site = Url::parse(SITE).expect("a URL");
    // From any page of the site, as a browser resolves it.
    for page in ["/", "/login", "/login/open?token=x"] {
        let page = site.join(page).expect("a page");
        let led = page.join(shown).unwrap_or_else(|error| unreachable!("{shown:?}: {error}"));
        assert_eq!(led.origin(), site.origin(), "{shown:?} leads elsewhere");
    }
}

/// Every sign-in leads to a page of this site, and a valid path is kept.
pub fn next(data: &[u8]) {
    let Some(typed) = text(data) else { return };
    let path = LocalPath::from(typed.to_owned());
    assert_stays_here(&path);
    assert!(path.as_str() == typed || path == LocalPath::account(), "neither kept nor refused: {path:?}");
    assert_eq!(LocalPath::from(path.as_str().to_owned()), path);
}

/// A mailer without requests.
fn mailer() -> Mailer {
    let nobody = http_client_fn(|_, _| -> SharedHttpConnector { unreachable!("nothing is called") });
    TestPlatform::new(&TestClock::at(1), 0, nobody).mailer(&variable)
}

thread_local! {
    static MAILER: Mailer = mailer();
    static TOKIO: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// Each request of a batch is handled once, whatever fails, and the first failure is reported.
pub fn stream(data: &[u8]) {
    let (weak, data) = choice(data);
    let Ok(event) = serde_json::from_slice::<StreamEvent>(data) else { return };
    let key =
        |record: &aws_lambda_events::event::dynamodb::EventRecord| match record.change.keys.get("message_id")
        {
            Some(serde_dynamo::AttributeValue::S(id)) => Some(id.clone()),
            _ => None,
        };
    let fails = |id: &str| id.bytes().next_back().is_some_and(|last| last % 4 == weak % 4);
    let known: Vec<_> = event
        .records
        .iter()
        .filter_map(|record| Some((key(record)?, record.change.sequence_number.clone())))
        .collect();
    let first_failure = known.iter().position(|(id, _)| fails(id));
    let expected: BTreeSet<_> = known.iter().map(|(id, _)| id.clone()).collect();

    let handled = std::cell::RefCell::new(Vec::new());
    let handle = async |_: &Mailer, id: &MessageId| {
        handled.borrow_mut().push(id.as_str().to_owned());
        if fails(id.as_str()) { Err(Error::Internal("it fails".into())) } else { Ok(()) }
    };
    let answer =
        MAILER.with(|mailer| TOKIO.with(|tokio| tokio.block_on(answer_stream(mailer, event, &handle))));
    let failures = answer.batch_item_failures;
    let mut handled = handled.into_inner();
    handled.sort();
    assert!(handled.iter().eq(&expected), "each once");
    let named: Vec<_> = failures.into_iter().map(|failure| failure.item_identifier).collect();
    let failed: Vec<_> = first_failure.into_iter().map(|place| known[place].1.clone()).collect();
    assert_eq!(named, failed);
}
