//! Requirements of ASVS 5.0 that are not about a single flow; docs/security.md lists them.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::LinkCode;
use domain::link_code::CODE_CHARACTERS;
use ring::digest::{SHA256, digest};
use shared::entropy::Entropy;
use shared::error::chain;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::permissions::{allowed, arn};
use crate::support::{Answer, PASSWORD, World, file, template, template_text, workspace_file};
use crate::tour::{Tour, WRONG};

#[tokio::test]
async fn expressions_are_the_same_whatever_is_typed() {
    let world = World::new();
    let tour = Tour::walk(&world).await;
    let expressions = world.wire.expressions();
    assert!(expressions.len() > 20, "{expressions:#?}");
    let stranger = world.visitor_from("198.51.100.1");
    for typed in [
        "mina\" OR attribute_exists(email)",
        ":email",
        "#email",
        "x@example.com) OR (email <> :x",
        "') OR '1'='1@example.com",
        "{\"S\":\"mina\"}",
        "mina' --",
    ] {
        for path in ["/forgot-username", "/login/link"] {
            stranger.post_form(path, &[("email", typed)]).await;
        }
        for password in ["x", typed] {
            let form = [("identifier", typed), ("password", password)];
            assert!(matches!(stranger.post_form("/login", &form).await.status, 401), "{typed}");
        }
        stranger.post_form("/undo", &[("token", &tour.used_undo), ("username", typed)]).await;
        tour.browser.post_form("/account/backup", &[("email", typed)]).await;
    }
    assert_eq!(world.wire.expressions(), expressions, "as written in the source, and nothing else");
    for typed in ["mina", "example", "spare", "@", "'", "\""] {
        assert!(!expressions.iter().any(|expression| expression.contains(typed)), "{typed}");
    }
}

#[tokio::test]
async fn the_password_field_is_masked_and_open_to_paste_and_password_managers() {
    let page = World::new().visitor().get("/login").await.body;
    let field = page.split("<input").find(|field| field.contains("name=\"password\"")).expect("a field");
    let field = field.split('>').next().unwrap_or_default();
    assert!(field.contains("type=\"password\""), "{field}");
    assert!(field.contains("autocomplete=\"current-password\""), "{field}");
    assert!(!page.contains("onpaste") && !page.contains("<script"), "nothing prevents a paste");
    assert!(field.contains("maxlength=\"1024\""), "{field}");
    assert!(!field.contains("minlength") && !field.contains("pattern"), "{field}");
}

#[test]
fn a_new_deployment_has_no_account_and_no_session() {
    let world = World::new();
    assert!(world.dump().values().all(Vec::is_empty));
    // The demo accounts come with the local stack, and no function contains it.
    for function in &template().functions {
        let manifest = file(&format!("functions/{}/Cargo.toml", function.name));
        assert!(!manifest.contains("dev"), "{}", function.name);
    }
}

#[test]
fn sessions_are_made_by_the_documented_ways_in_only() {
    let page = file("docs/security.md");
    let ways = page.split_once("## Ways in").map_or("", |(_, rest)| rest);
    let ways = ways.split("\n## ").next().unwrap_or_default();
    let documented: BTreeSet<_> = ways.split("| `").skip(1).filter_map(|way| way.split('`').next()).collect();
    let may = allowed("dynamodb:PutItem", &arn("SessionsTable"));
    assert_eq!(may.into_iter().collect::<BTreeSet<_>>(), documented);
}

#[test]
fn secrets_come_from_the_operating_system_and_never_repeat() {
    let entropy = [Entropy::system(), Entropy::system()];
    let secrets: BTreeSet<_> =
        entropy.iter().flat_map(|entropy| (0..1_000).map(|_| entropy.token().expose())).collect();
    assert_eq!(secrets.len(), 2_000);
}

#[test]
fn a_code_has_thirty_bits() {
    // In 1,000 codes each character has each of 32 values, and duplicates are only by chance.
    let world = World::new();
    let app = &world.functions.request_magic_link;
    let keys = &app.needs.keys;
    let codes: Vec<_> = (0..1_000).map(|_| keys.code_of(&app.message_id())).collect();
    for place in 0..CODE_CHARACTERS {
        let values: BTreeSet<_> = codes.iter().filter_map(|code| code.as_str().chars().nth(place)).collect();
        assert_eq!(values.len(), 32, "place {place}");
    }
    let different: BTreeSet<_> = codes.iter().map(LinkCode::as_str).collect();
    assert!(different.len() >= 998, "{}", different.len());
    assert_eq!(CODE_CHARACTERS * 5, 30);
}

#[tokio::test]
async fn no_table_holds_anything_that_opens() {
    let world = World::new();
    let tour = Tour::walk(&world).await;
    let tables: String = world.dump().into_values().flatten().collect();
    assert!(tables.len() > 1_000 && tour.secrets.len() > 10, "{:?}", tour.secrets);
    for (what, secret) in &tour.secrets {
        assert!(!tables.contains(secret), "{what} is in a table");
    }
}

#[tokio::test]
async fn no_answer_repeats_a_secret_or_hashes_an_address() {
    let world = World::new();
    let tour = Tour::walk(&world).await;
    let mut hidden = BTreeMap::new();
    for address in ["mina@example.com", "spare@example.org", "thief@example.net"] {
        let hash = digest(&SHA256, address.as_bytes());
        let hex = format!("{hash:?}").trim_start_matches("SHA256:").to_owned();
        hidden.insert(format!("{address}, hex"), hex);
        hidden.insert(format!("{address}, base64"), STANDARD.encode(hash));
        hidden.insert(format!("{address}, base64url"), URL_SAFE_NO_PAD.encode(hash));
    }
    let kept_from_pages =
        tour.secrets.iter().filter(|(what, _)| what.contains("session") || what.contains("asker"));
    hidden.extend(kept_from_pages.map(|(what, secret)| (what.clone(), secret.clone())));
    hidden.insert("the password".into(), PASSWORD.into());
    hidden.insert("a wrong password".into(), WRONG.into());
    for Answer { body, .. } in &tour.answers {
        for (what, secret) in &hidden {
            assert!(!body.contains(secret), "{what}: {body}");
        }
    }
}

#[test]
fn forms_ask_for_nothing_else() {
    let mut fields = BTreeSet::new();
    for entry in std::fs::read_dir(workspace_file("shared/templates/pages")).expect("there are pages") {
        let page = std::fs::read_to_string(entry.expect("a file").path()).expect("it can be read");
        let controls = page
            .split('<')
            .filter(|tag| ["input", "button", "select", "textarea"].iter().any(|name| tag.starts_with(name)));
        for control in controls {
            if let Some((_, name)) = control.split_once(" name=\"") {
                fields.insert(name.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
    let known = [
        // The parameters of a product's request, which the button sends back.
        "{{ name }}",
        "code",
        "email",
        "finish",
        "form_id",
        "identifier",
        "keep_former",
        "next",
        "others",
        "password",
        "reason",
        "seen",
        "session",
        "since",
        "token",
        "username",
        "what",
    ];
    let strange: Vec<_> = fields.iter().filter(|field| !known.contains(&field.as_str())).collect();
    assert!(strange.is_empty(), "no hint, no question, nothing that was not thought of: {strange:?}");
    assert!(fields.len() >= 7, "{fields:?}");
}

#[test]
fn functions_use_one_crypto_library_and_no_broken_hash() {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "normal", "--prefix", "depth"]);
    for function in &template().functions {
        cargo.args(["--package", &function.name]);
    }
    let output = cargo.current_dir(workspace_file(".")).output().expect("cargo runs");
    let tree = String::from_utf8_lossy(&output.stdout);
    // A line is "<depth><name> v<version>"; what stands at depth 0 is a function.
    let name = |line: &str| {
        let name = line.trim_start_matches(|c: char| c.is_ascii_digit());
        name.split(' ').next().unwrap_or_default().to_owned()
    };
    let functions = tree.lines().filter(|line| line.starts_with('0')).count();
    assert_eq!(functions, template().functions.len(), "{tree}");
    let crates: BTreeSet<String> = tree.lines().map(name).collect();
    assert!(crates.contains("ring") && crates.contains("rustls"), "{crates:?}");
    for broken in ["md5", "md-5", "sha1", "sha-1", "openssl", "native-tls", "aws-lc-rs", "rand"] {
        assert!(!crates.contains(broken), "a function has {broken}");
    }
}

/// A TLS server with a certificate that no authority of Amazon signed; returns its address.
async fn somebody_else() -> u16 {
    let read = |name: &str| std::fs::read(workspace_file(&format!("tests/support/certificate/{name}")));
    let certificate = CertificateDer::from(read("localhost.der").expect("a certificate"));
    let key = PrivatePkcs8KeyDer::from(read("localhost.key.der").expect("its key"));
    let server = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring speaks them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("they belong together");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut [0; 1_024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                let _ = stream.shutdown().await;
            });
        }
    });
    port
}

#[tokio::test]
async fn calls_to_aws_take_no_server_without_a_certificate_of_amazon() {
    let port = somebody_else().await;
    let there = format!("https://localhost:{port}");
    let call = async |client: SharedHttpClient| {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "test"))
            .http_client(client)
            .endpoint_url(&*there)
            .retry_config(RetryConfig::standard().with_max_attempts(1));
        let table = aws_sdk_dynamodb::Client::from_conf(config.build()).get_item().table_name("t");
        let answer = table.key("k", AttributeValue::S("v".into())).send().await;
        answer.map(|_| ()).map_err(|error| chain(&error))
    };
    let refused =
        call(shared::aws::amazon_roots_client()).await.expect_err("its certificate is not Amazon's");
    assert!(refused.contains("certificate"), "{refused}");

    // The same server answers a client that trusts it, so it was the certificate.
    let der =
        std::fs::read(workspace_file("tests/support/certificate/localhost.der")).expect("a certificate");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    let trust = TrustStore::empty().with_pem_certificate(pem.as_bytes());
    let context = TlsContext::builder().with_trust_store(trust).build().expect("it is well-formed");
    let trusting = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context);
    assert_eq!(call(trusting.build_https()).await, Ok(()));
}

#[test]
fn waits_for_aws_are_those_that_are_written_down() {
    let config = shared::aws::for_function();
    let waits = config.timeout_config().expect("waits are set");
    let seconds = |wait: Option<Duration>| wait.expect("it is set").as_secs();
    let (connect, attempt, all) =
        (waits.connect_timeout(), waits.operation_attempt_timeout(), waits.operation_timeout());
    let tries = config.retry_config().expect("tries are set").max_attempts();
    let page = file("docs/security.md");
    let figures = format!("| {} s | {} s | {} s | {tries}", seconds(connect), seconds(attempt), seconds(all));
    for service in ["DynamoDB", "SES", "KMS", "EventBridge"] {
        assert!(page.contains(&format!("| {service} {figures}")), "{service} {figures}");
    }
    for function in &template().functions {
        let most = match &*function.name {
            // A deletion is many calls. API Gateway waits for thirty seconds.
            "admin-account" => 25,
            // A batch of emails, or of calls to EventBridge.
            "mailer" | "publisher" => 30,
            _ => 10,
        };
        assert_eq!(function.timeout, Duration::from_secs(most), "{}", function.name);
        assert!(all.is_some_and(|all| all < function.timeout), "the page can still say sorry");
    }
}

/// Clippy holds it: a random wait hides no time, and every wait is billed. The one exception says why.
#[test]
fn sleeping_is_banned() {
    let bans = file("clippy.toml");
    for sleep in
        ["std::thread::sleep", "tokio::time::sleep", "tokio::time::sleep_until", "tokio::time::interval"]
    {
        assert!(bans.contains(&format!("{{ path = \"{sleep}\", reason = ")), "{sleep}");
    }
}

#[test]
fn no_secret_stands_in_the_repository() {
    let mut texts = vec![("template.yaml".to_owned(), template_text())];
    for folder in ["functions", "shared", "dev", "ops", "tests", "events", "docs"] {
        texts.extend(all_texts(&workspace_file(folder)));
    }
    assert!(texts.len() > 150);
    for (name, text) in texts {
        let keys = text.split("AKIA").skip(1).filter(|rest| {
            rest.len() >= 16
                && rest.bytes().take(16).all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        });
        assert_eq!(keys.count(), 0, "{name}: an access key");
        assert!(!text.contains(concat!("PRIVATE", " KEY-----")), "{name}: a private key");
    }
    let key = template_text();
    assert!(key.contains("GenerateSecretString"), "the one secret is made where it is kept");
}

fn all_texts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry").path();
        let fetched = path.ends_with("node_modules") || path.ends_with("target");
        if path.is_dir() && !fetched {
            found.append(&mut all_texts(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[test]
fn no_permission_has_a_wildcard() {
    let mut own_policy = 0;
    for (number, line) in template_text().lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        // A condition narrows the permission it belongs to.
        let keys = line.contains("dynamodb:LeadingKeys") && line.starts_with("ForAllValues:");
        // SES may ask about the sender's domain, its address or the recipient; the condition on the sender bounds it.
        let identity = line == "- !Sub arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*";
        // The condition on their tags bounds it (`oidc_key_trouble::functions_use_the_keys_of_their_stack_alone_and_make_none`).
        let made_keys = line.ends_with(":kms:${AWS::Region}:${AWS::AccountId}:key/*");
        // Any account, of the routes of the account API alone.
        let of_callers = line.contains(":execute-api:") && line.contains("/admin/accounts/*");
        let formula = line.starts_with("Expression:") || line.starts_with("AllowedPattern:");
        // The policy of the signing key itself: it leaves the decision to the roles' policies.
        let of_the_key = line == "Action: kms:*" || line == "Resource: \"*\"";
        own_policy += usize::from(of_the_key);
        let pattern =
            keys || identity || made_keys || of_callers || formula || of_the_key || line.starts_with('#');
        assert!(pattern || !line.contains('*'), "template.yaml, line {}: {line}", number + 1);
    }
    assert_eq!(own_policy, 2, "the two lines of that policy");
}
