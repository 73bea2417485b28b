//! A product that signs its people in here. It believes no token that it has not verified by what this site publishes, and not
//! with the code under test.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::oidc::{Client, ClientAuthentication, ClientName, ClientSecret, ClientSecrets, RedirectUri};
use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::Value;
use shared::app::App;
use shared::requirements::PasswordChecks;
use url::Url;

use super::people::PASSWORD;
use super::request::Ask;
use super::visitor::{Answer, Visitor};
use super::world::{PUBLIC_URL, World};

/// What it wants to get back with the answer.
const STATE: &str = "the cart & more";
/// What it wants to find in the ID token.
const NONCE: &str = "n-0S6_WzA2Mj";
/// The secret of its request.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A product.
pub struct Product<'w> {
    world: &'w World,
    /// What the operator has registered.
    pub client: Client,
    /// Its secret, if it has one.
    pub secret: Option<ClientSecret>,
    /// Its server, a program without cookies.
    pub server: Visitor<'w>,
}

/// What it gets for a code.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For the userinfo endpoint.
    pub access: String,
    /// For the product itself.
    pub id: String,
    /// The granted scopes.
    pub scope: String,
}

impl World {
    /// A product with a server, which keeps a secret.
    pub async fn product(&self, name: &str) -> Product<'_> {
        let secret = self.operator.entropy.client_secret();
        let secrets = ClientSecrets::new(&secret, self.operator.now());
        self.registered(name, ClientAuthentication::Confidential(secrets), Some(secret)).await
    }

    /// A product that runs where everybody can read it, without a secret.
    pub async fn public_product(&self, name: &str) -> Product<'_> {
        self.registered(name, ClientAuthentication::Public, None).await
    }

    async fn registered(
        &self,
        name: &str,
        authentication: ClientAuthentication,
        secret: Option<ClientSecret>,
    ) -> Product<'_> {
        let label: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let host = format!("https://{}.example.com", label.to_lowercase());
        let address = |path: &str| RedirectUri::parse(&format!("{host}{path}")).expect("an address");
        let client = Client {
            id: self.operator.entropy.client_id(),
            name: ClientName::parse(name).expect("a name"),
            redirect_uris: vec![address("/signed-in"), address("/second?from=sparekey")],
            sign_out_uris: vec![address("/signed-out"), address("/bye?from=sparekey")],
            return_uris: vec![address("/settings"), address("/settings?tab=recovery")],
            authentication,
            created_at: self.operator.now(),
        };
        let added = self.with_clients().store.add_client(&client).await;
        assert!(added.expect("the database works"), "ids are never drawn twice");
        Product { world: self, client, secret, server: self.visitor_from("192.0.2.80") }
    }

    /// The operator of a deployment with products.
    pub fn with_clients(&self) -> App<PasswordChecks> {
        self.operator_with(&[("CLIENTS_TABLE", "ClientsTable")])
    }
}

impl<'w> Product<'w> {
    /// Where people come back to it.
    pub fn address(&self) -> &str {
        self.client.redirect_uris[0].as_str()
    }

    /// The address of this site with a request, with these parameters instead of the usual ones; one without a value is left
    /// out.
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        format!("/oidc/authorize?{}", encoded(&self.parameters(changes)))
    }

    /// Its parameters.
    pub fn parameters(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = challenge(VERIFIER);
        let usual = [
            ("client_id", self.client.id.as_str()),
            ("redirect_uri", self.address()),
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("state", STATE),
            ("nonce", NONCE),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        changed(&usual, changes)
    }

    /// Sends a browser here with a request.
    pub async fn sends(&self, browser: &Visitor<'_>, changes: &[(&str, &str)]) -> Answer {
        browser.get(&self.request(changes)).await
    }

    /// The whole way of a person who is not signed in yet: their browser, and the code that they bring.
    pub async fn person_arrives(&self, identifier: &str) -> (Visitor<'w>, String) {
        let browser = self.world.visitor();
        let code = self.code_of(&browser, identifier).await;
        (browser, code)
    }

    /// The same in this browser.
    pub async fn code_of(&self, browser: &Visitor<'_>, identifier: &str) -> String {
        let asked = self.sends(browser, &[]).await;
        self.code(&signs_in(browser, &asked, identifier).await)
    }

    /// What a browser brings to the product, without what is always there.
    pub fn brought(&self, answer: &Answer) -> BTreeMap<String, String> {
        let address = leads_to(answer);
        assert!(address.starts_with(self.address()), "{address}");
        let url = Url::parse(&address).expect("a URL");
        let mut pairs: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs.len(), url.query_pairs().count(), "nothing is there twice: {address}");
        assert_eq!(pairs.remove("iss").as_deref(), Some(PUBLIC_URL), "{address}");
        assert_eq!(pairs.remove("state").as_deref(), Some(STATE), "{address}");
        pairs
    }

    /// The code that a browser brings, and nothing else.
    pub fn code(&self, answer: &Answer) -> String {
        let mut brought = self.brought(answer);
        let code = brought.remove("code").unwrap_or_else(|| panic!("a code: {brought:?}"));
        assert!(brought.is_empty(), "{brought:?}");
        code
    }

    /// The error that a browser brings.
    pub fn error(&self, answer: &Answer) -> String {
        let mut brought = self.brought(answer);
        let error = brought.remove("error").unwrap_or_else(|| panic!("an error: {brought:?}"));
        assert!(brought.remove("error_description").is_some_and(|text| text.len() > 10));
        assert!(brought.is_empty(), "{brought:?}");
        error
    }

    /// A request for the tokens of a code, with these fields instead of the usual ones; one without a value is left out.
    pub fn redemption(&self, code: &str, changes: &[(&str, &str)]) -> Ask {
        let id = self.client.id.as_str();
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.address()),
            ("code_verifier", VERIFIER),
            ("client_id", if self.secret.is_some() { "" } else { id }),
        ];
        let form = encoded(&changed(&usual, changes));
        let ask = Ask::new("POST", "/oidc/token")
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", form);
        match &self.secret {
            Some(secret) => ask.header("authorization", &basic(id, &secret.expose())),
            None => ask,
        }
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        self.server.ask(&self.redemption(code, changes)).await
    }

    /// The tokens of a code.
    pub async fn tokens(&self, code: &str) -> Tokens {
        Tokens::of(&self.redeem(code, &[]).await)
    }

    /// The tokens of somebody who signs in now, and their browser.
    pub async fn signs_in(&self, identifier: &str) -> (Visitor<'w>, Tokens) {
        let (browser, code) = self.person_arrives(identifier).await;
        (browser, self.tokens(&code).await)
    }

    /// The claims of an ID token, verified as a product must (OpenID Connect Core 1.0, section 3.1.3.7).
    pub async fn verified(&self, tokens: &Tokens) -> Value {
        let claims = self.claims(&tokens.id, "JWT").await;
        let now = self.world.operator.now().unix_seconds();
        assert_eq!(claims["iss"], PUBLIC_URL);
        assert_eq!(claims["aud"], self.client.id.as_str());
        assert_eq!(claims["nonce"], NONCE);
        assert_eq!(claims["iat"], now);
        assert!(claims["exp"].as_i64().is_some_and(|end| end > now), "{claims}");
        let hash = digest(&SHA256, tokens.access.as_bytes());
        assert_eq!(claims["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
        claims
    }

    /// The claims of a token of this type whose signature is that of a key that this site publishes.
    pub async fn claims(&self, token: &str, typ: &str) -> Value {
        claims_by(&self.keys().await, token, typ)
    }

    /// The keys, found by way of the discovery document.
    pub async fn keys(&self) -> Vec<Value> {
        let document = self.server.get_json("/.well-known/openid-configuration").await.json();
        let address = document["jwks_uri"].as_str().and_then(|address| address.strip_prefix(PUBLIC_URL));
        let keys = self.server.get_json(address.expect("an address of this site")).await.json();
        keys["keys"].as_array().expect("a list").clone()
    }

    /// Asks who has signed in.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        let ask = Ask::new("GET", "/oidc/userinfo").header("accept", "application/json");
        self.server.ask(&ask.header("authorization", &format!("Bearer {access_token}"))).await
    }
}

impl Tokens {
    /// Those of an answer.
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&"Bearer".into(), &300.into()));
        Self { access: text("access_token"), id: text("id_token"), scope: text("scope") }
    }
}

/// The claims of a token of this type whose signature is that of one of these keys.
pub fn claims_by(keys: &[Value], token: &str, typ: &str) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts: {token}") };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)).expect("JSON");
    let header = read(header);
    assert_eq!((&header["alg"], &header["typ"]), (&"RS256".into(), &typ.into()));
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key is published");
    let number = |name: &str| decode(key[name].as_str().expect("a text"));
    let signed = token.rsplit_once('.').expect("three parts").0.as_bytes();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed, &decode(signature))
        .expect("the signature is that of the key");
    read(claims)
}

/// The name of the key that a token names.
pub fn key_of(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap_or_default()).expect("base64url");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("a text").to_owned()
}

/// Signs in with a password where an answer leads to the sign-in page. The last page of this site.
pub async fn signs_in(browser: &Visitor<'_>, answer: &Answer, identifier: &str) -> Answer {
    let page = browser.follow(answer).await;
    let hidden = page.hidden_fields("/login");
    let typed = [("identifier", identifier), ("password", PASSWORD)];
    let fields: Vec<_> = hidden.iter().map(|(name, value)| (&**name, &**value)).chain(typed).collect();
    let signed_in = browser.post_form("/login", &fields).await;
    browser.follow(&signed_in).await
}

/// The address that an answer leads to, by a redirect or by a page that goes on and has a link for who does not wait.
pub fn leads_to(answer: &Answer) -> String {
    if answer.status == 303 {
        return answer.header("location").to_owned();
    }
    let (_, rest) = answer
        .body
        .split_once("<meta http-equiv=\"refresh\" content=\"0; url=")
        .unwrap_or_else(|| panic!("leads nowhere: {}", answer.shown()));
    let written = rest.split('"').next().unwrap_or_default();
    let link = format!("<a class=\"button\" href=\"{written}\">");
    assert!(answer.status == 200 && answer.body.contains(&link), "{}", answer.body);
    written.replace("&#38;", "&")
}

/// The address of this site with a request to sign out.
pub fn sign_out_request(parameters: &[(&str, &str)]) -> String {
    format!("/oidc/logout?{}", serde_html_form::to_string(parameters).expect("a query"))
}

/// The challenge of a verifier (RFC 7636, section 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// The header of a client (RFC 6749, section 2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn changed(usual: &[(&str, &str)], changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn encoded(pairs: &[(String, String)]) -> String {
    serde_html_form::to_string(pairs).expect("pairs are a form")
}
