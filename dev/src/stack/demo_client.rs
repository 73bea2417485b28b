//! A product of a stack, registered by the operator's command line.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;
use url::form_urlencoded::Serializer;

use crate::lambda::process::Variables;

/// What people see that they sign in to.
const NAME: &str = "Demo product";
/// Where the examples of `docs/oidc.md` take codes. The port may be any other.
const REDIRECT_URIS: [&str; 3] = [
    "http://127.0.0.1/callback",
    "http://127.0.0.1/accounts/oidc/sparekey/login/callback/",
    "http://127.0.0.1/auth/openid_connect/callback",
];

/// One of them.
pub const REDIRECT_URI: &str = "http://127.0.0.1:8400/callback";
/// Where people return to it from their account page.
pub const RETURN_URI: &str = "http://127.0.0.1:8400/settings";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A product as it knows itself.
#[derive(Debug, Clone)]
pub struct DemoClient {
    /// Its `client_id`.
    pub id: String,
    /// Its `client_secret`.
    pub secret: String,
}

impl DemoClient {
    /// Where it sends somebody to sign in, as a path with its query: with the state `s1` and the nonce `n1`.
    pub fn request(&self) -> String {
        let query = Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", &*self.id),
                ("redirect_uri", REDIRECT_URI),
                ("scope", "openid profile email"),
                ("state", "s1"),
                ("nonce", "n1"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("/oidc/authorize?{query}")
    }

    /// The form that its server redeems a code with.
    pub fn redemption(code: &str) -> [(&'static str, &str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ]
    }

    /// What its server shows in the header `Authorization` (RFC 6749, section 2.3.1).
    pub fn credentials(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }
}

/// Registers the product. The error is the message of the operator's command line.
pub async fn register(ops: &Path, variables: &Variables) -> anyhow::Result<DemoClient> {
    let mut command = Command::new(ops);
    command.args(["clients", "add", "--name", NAME]);
    for uri in REDIRECT_URIS {
        command.args(["--redirect-uri", uri]);
    }
    command.args(["--return-uri", RETURN_URI]);
    let command = command.env_clear().envs(variables).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("cannot start {}", ops.display()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{}\nthe demo product could not be registered", complaint.trim_end());
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let value = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).with_context(|| format!("ops printed no {name}"))
    };
    Ok(DemoClient { id: value("client_id")?, secret: value("client_secret")? })
}
