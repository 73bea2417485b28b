//! What each person of the measurement does: every flow once, as browsers ask, with forms and pages; and what a product's back
//! end does with an account of its own.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::lone_hash::LoneHash;
use super::probe::{Answer, PASSWORD, Site, username};
use super::samples::Sample;
use crate::browser::SiteRequest;
use crate::stack::{DemoClient, RETURN_URI};

/// The row of a sign-in that is compared with one hash.
pub(super) const RIGHT_PASSWORD: &str = "POST /login, right password";
/// The row of a sign-in that fails.
pub(super) const WRONG_PASSWORD: &str = "POST /login, wrong password";

/// One person on the way through all flows.
pub(super) struct Journey<'s> {
    site: &'s Site,
    hash: &'s mut LoneHash,
    username: String,
    /// The processor times of hashes, in milliseconds.
    pub(super) hashes: Vec<f64>,
    /// Flow, function and what was measured.
    pub(super) samples: Vec<(String, String, Sample)>,
}

/// The cookies of one browser, by name.
type Cookies = BTreeMap<String, String>;

impl<'s> Journey<'s> {
    pub(super) fn new(site: &'s Site, hash: &'s mut LoneHash, number: u16) -> Self {
        Self { site, hash, username: username(number), hashes: Vec::new(), samples: Vec::new() }
    }

    /// Walks through all flows. The order follows from what each needs: undoing a change freezes the account, so it
    /// comes last.
    pub(super) async fn walk(&mut self) -> Result<()> {
        let (mut laptop, mut phone) = (Cookies::new(), Cookies::new());
        let primary = format!("{}@example.com", self.username);
        let backup = format!("{}@example.org", self.username);
        self.sign_in(&mut laptop, RIGHT_PASSWORD, PASSWORD, 303).await?;
        self.sign_in(&mut Cookies::new(), WRONG_PASSWORD, "not the password", 401).await?;
        self.get(&mut laptop, "/account").await?;
        self.arrive_at_product(&mut laptop).await?;

        self.post(&mut laptop, "/account/backup", &[("email", &backup)], 303).await?;
        let link = self.link_to("/backup/confirm", &backup)?;
        self.get(&mut laptop, &link).await?;
        self.post(&mut laptop, "/backup/confirm", &[("token", token_of(&link)?)], 303).await?;

        self.post(&mut phone, "/login/link", &[("email", &backup)], 303).await?;
        let link = self.link_to("/login/open", &backup)?;
        self.get(&mut phone, &link).await?;
        self.post(&mut phone, "/login/open", &[("token", token_of(&link)?)], 303).await?;
        self.post(&mut Cookies::new(), "/forgot-username", &[("email", &backup)], 303).await?;

        self.post(&mut laptop, "/account/sessions/end", &[("others", "true")], 303).await?;
        self.post(&mut laptop, "/account/backup/remove", &[], 303).await?;
        let link = self.link_to("/undo", &primary)?;
        self.post(&mut laptop, "/logout", &[], 303).await?;
        let mut owner = Cookies::new();
        self.get(&mut owner, &link).await?;
        let form = [("token", token_of(&link)?), ("username", &*self.username.clone())];
        self.post(&mut owner, "/undo", &form, 303).await?;
        self.live_at_product().await
    }

    /// A product creates an account, hands its person over, and deletes it.
    async fn live_at_product(&mut self) -> Result<()> {
        let username = format!("{}-at-product", self.username);
        let wanted = json!({
            "username": username, "email": format!("{username}@example.net"), "email_verified": true, "kind": "regular",
        });
        self.manage("PUT /admin/accounts/…, a new one", Method::PUT, "", Some(&wanted), 201).await?;
        self.manage("PUT /admin/accounts/…, as it is", Method::PUT, "", Some(&wanted), 200).await?;
        self.manage("GET /admin/accounts/…", Method::GET, "", None, 200).await?;

        let back = json!({ "return_to": RETURN_URI });
        let flow = "POST /admin/accounts/…/hand-over";
        let given = self.manage(flow, Method::POST, "/hand-over", Some(&back), 201).await?;
        let given: Value = serde_json::from_slice(&given.body)?;
        let link = given["link"].as_str().and_then(|link| link.strip_prefix(self.site.url()));
        let link = link.context("no link of this site")?;
        let mut person = Cookies::new();
        self.get(&mut person, link).await?;
        self.post(&mut person, "/hand-over", &[("token", token_of(link)?)], 303).await?;

        self.manage("POST /admin/accounts/…/disable", Method::POST, "/disable", None, 204).await?;
        self.manage("DELETE /admin/accounts/…", Method::DELETE, "", None, 200).await?;
        Ok(())
    }

    /// The product's back end asks for something about its account.
    async fn manage(
        &mut self,
        flow: &str,
        method: Method,
        action: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Answer> {
        let function = self.site.function_at(&format!("/admin/accounts/{{external_id}}{action}"))?;
        let path = format!("/admin/accounts/{}{action}", self.username);
        let request = self.site.signed(SiteRequest::json(method, &path, body.cloned()))?;
        self.measure(flow, function, request, status).await
    }

    /// Signs in, after one hash alone, so that both meet the same machine.
    async fn sign_in(
        &mut self,
        browser: &mut Cookies,
        flow: &str,
        password: &str,
        status: u16,
    ) -> Result<()> {
        self.hashes.push(self.hash.measure()?);
        let identifier = self.username.clone();
        let form = [("identifier", &*identifier), ("password", password)];
        let asked = Asked { flow, method: Method::POST, path: "/login", form: &form, authorization: None };
        self.ask(browser, asked, status).await?;
        Ok(())
    }

    async fn get(&mut self, browser: &mut Cookies, path: &str) -> Result<()> {
        let flow = format!("GET {}", without_query(path));
        let asked = Asked { flow: &flow, method: Method::GET, path, form: &[], authorization: None };
        self.ask(browser, asked, 200).await?;
        Ok(())
    }

    /// Somebody who is signed in arrives at a product, whose server redeems the code and asks who it is.
    async fn arrive_at_product(&mut self, browser: &mut Cookies) -> Result<()> {
        let product = self.site.product()?;
        let path = product.request();
        let flow = "GET /oidc/authorize";
        let asked = Asked { flow, method: Method::GET, path: &path, form: &[], authorization: None };
        let answer = self.ask(browser, asked, 303).await?;
        let location = answer.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        let location = Url::parse(location.context("no way to the product")?)?;
        let code = location.query_pairs().find(|(name, _)| name == "code").context("no code")?.1.into_owned();

        let form = DemoClient::redemption(&code);
        let credentials = product.credentials();
        let (flow, path) = ("POST /oidc/token", "/oidc/token");
        let authorization = Some(&*credentials);
        let asked = Asked { flow, method: Method::POST, path, form: &form, authorization };
        let tokens: Value = serde_json::from_slice(&self.ask(&mut Cookies::new(), asked, 200).await?.body)?;

        let bearer = format!("Bearer {}", tokens["access_token"].as_str().context("no access token")?);
        let (flow, path) = ("GET /oidc/userinfo", "/oidc/userinfo");
        let asked = Asked { flow, method: Method::GET, path, form: &[], authorization: Some(&*bearer) };
        self.ask(&mut Cookies::new(), asked, 200).await?;
        Ok(())
    }

    async fn post(
        &mut self,
        browser: &mut Cookies,
        path: &str,
        form: &[(&str, &str)],
        status: u16,
    ) -> Result<()> {
        let flow = format!("POST {path}");
        let asked = Asked { flow: &flow, method: Method::POST, path, form, authorization: None };
        self.ask(browser, asked, status).await?;
        Ok(())
    }

    /// Sends one request of a browser.
    async fn ask(&mut self, browser: &mut Cookies, asked: Asked<'_>, status: u16) -> Result<Answer> {
        let Asked { flow, method, path, form, authorization } = asked;
        let function = self.site.function_at(without_query(path))?;
        let mut request = self.site.client().request(method.clone(), format!("{}{path}", self.site.url()));
        request = request.header(header::ACCEPT, "text/html");
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if method == Method::POST {
            let form: Vec<String> =
                form.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
            request = request
                .header(header::ORIGIN, self.site.url())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.join("&"));
        }
        if !browser.is_empty() {
            let pairs: Vec<_> = browser.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let answer = self.measure(flow, function, request, status).await?;
        keep_cookies(browser, &answer.headers);
        Ok(answer)
    }

    /// Sends a request, keeps what it cost, and has the emails sent and the events published that it caused.
    async fn measure(
        &mut self,
        flow: &str,
        function: &str,
        request: RequestBuilder,
        status: u16,
    ) -> Result<Answer> {
        let (answer, sample) = self.site.send(function, request).await?;
        ensure!(answer.status == status, "{flow}: expected {status}, came {}", answer.status);
        self.samples.push((flow.to_owned(), function.to_owned(), sample));
        for (kind, sample) in self.site.send_mail().await? {
            self.samples.push((format!("email: {kind}"), self.site.mailer().to_owned(), sample));
        }
        for sample in self.site.publish().await? {
            self.samples.push(("event".to_owned(), self.site.publisher().to_owned(), sample));
        }
        Ok(answer)
    }

    /// The link of the latest email, which must be to this address and lead there, as a path with its query.
    fn link_to(&self, path: &str, address: &str) -> Result<String> {
        let mail = self.site.latest_mail()?;
        ensure!(mail.to.contains(address), "expected an email to {address}, came one to {}", mail.to);
        let start = format!("{}{path}?token=", self.site.url());
        let link = mail.links.iter().find(|link| link.starts_with(&start));
        let link = link.with_context(|| format!("“{}” has no link to {path}", mail.subject))?;
        Ok(link[self.site.url().len()..].to_owned())
    }
}

/// A request, without the cookies.
struct Asked<'a> {
    /// The row that its figures go to.
    flow: &'a str,
    method: Method,
    /// Begins with `/` and may carry a query.
    path: &'a str,
    form: &'a [(&'a str, &'a str)],
    /// What the server of a product shows.
    authorization: Option<&'a str>,
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

fn token_of(link: &str) -> Result<&str> {
    Ok(link.split_once("token=").context("a link without a token")?.1)
}

/// A value of a form.
fn escaped(value: &str) -> String {
    let escape = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

/// Keeps and drops cookies as a browser does.
fn keep_cookies(browser: &mut Cookies, headers: &HeaderMap) {
    for line in headers.get_all(header::SET_COOKIE) {
        let pair = line.to_str().ok().and_then(|line| line.split(';').next()?.split_once('='));
        match pair {
            Some((name, "")) => {
                browser.remove(name);
            }
            Some((name, value)) => {
                browser.insert(name.to_owned(), value.to_owned());
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_form_is_escaped_whatever_it_holds() {
        assert_eq!(escaped("mira@example.com"), "mira%40example%2Ecom");
        assert_eq!(escaped("a b+c"), "a%20b%2Bc");
    }

    #[test]
    fn a_link_is_a_path_and_a_token() {
        let link = "/undo?token=abc";
        assert_eq!((without_query(link), token_of(link).ok()), ("/undo", Some("abc")));
        assert_eq!((without_query("/account"), token_of("/account").ok()), ("/account", None));
    }
}
