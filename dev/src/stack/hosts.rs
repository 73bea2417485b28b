//! Which hosts the local ports answer for.
//!
//! The owner of a domain can point it at 127.0.0.1 after a developer's browser has loaded a page from it (DNS rebinding).
//! That page is then of the same origin as the local stack and could read the mailbox. Its requests still carry the
//! domain in `Host`, so the ports answer for addresses that nobody can point elsewhere, and for nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

/// The names of the loopback interface. The last is what containers of Docker Desktop call this machine; only their own
/// files of hosts know it.
const ALWAYS: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"];

/// The hosts that a port answers for.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    listen: Option<IpAddr>,
}

impl Hosts {
    /// The loopback interface, and the interface that the stack was told to listen on.
    pub fn new(listen: Option<IpAddr>) -> Self {
        Self { listen }
    }

    /// A router that answers for these hosts alone, and 421 for others.
    pub fn only(self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(Arc::new(self), refuse_others))
    }

    fn has(&self, authority: &str) -> bool {
        let host = without_port(authority).to_ascii_lowercase();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
        let is_told = |told: IpAddr| match address.parse::<IpAddr>() {
            // Told to listen everywhere: at every address, and at no name.
            Ok(address) => told.is_unspecified() || told == address,
            Err(_) => false,
        };
        ALWAYS.contains(&&*host) || self.listen.is_some_and(is_told)
    }
}

/// `host`, `host:port`, `[address]`, `[address]:port`.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => {
            if host.contains(':') && !host.ends_with(']') { authority } else { host }
        }
        _ => authority,
    }
}

async fn refuse_others(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let mut named: Vec<_> =
        request.headers().get_all(header::HOST).iter().map(|host| host.to_str().ok()).collect();
    named.extend(request.uri().authority().map(|authority| Some(authority.as_str())));
    if !named.is_empty() && named.iter().all(|host| host.is_some_and(|host| hosts.has(host))) {
        return next.run(request).await;
    }
    let why =
        "The local stack answers for localhost and the addresses it listens on, and for no other name.\n";
    (StatusCode::MISDIRECTED_REQUEST, why).into_response()
}

#[cfg(test)]
mod tests {
    use axum::routing::any;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn loopback_and_the_address_it_listens_on_are_known_with_or_without_a_port() {
        let hosts = Hosts::new(Some("172.17.0.1".parse().expect("an address")));
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1",
            "127.0.0.1:3001",
            "[::1]",
            "[::1]:3000",
            "172.17.0.1:3002",
            "host.docker.internal:3002",
        ] {
            assert!(hosts.has(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example:3001",
            "evil.example:127.0.0.1",
            "localhost@evil.example",
            "172.17.0.2",
            "::1",
            "[::2]:3000",
            "localhost.",
            ":3000",
        ] {
            assert!(!hosts.has(host), "{host}");
        }
        assert!(!Hosts::default().has("172.17.0.1:3002"));
        let everywhere = Hosts::new(Some("0.0.0.0".parse().expect("an address")));
        assert!(everywhere.has("192.0.2.7:3002") && !everywhere.has("evil.example:3002"));
    }

    /// The status of a request with these lines before its end.
    async fn status_of(address: std::net::SocketAddr, head: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_page_of_another_name_gets_nothing_on_any_path() {
        let router =
            Router::new().route("/known", any(|| async { "secret" })).fallback(|| async { "secret" });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, Hosts::default().only(router)).await });
        for (head, status) in [
            ("GET /known HTTP/1.1\r\nhost: localhost", "200"),
            ("GET /known HTTP/1.1\r\nhost: evil.example", "421"),
            ("GET / HTTP/1.1\r\nhost: evil.example:3001", "421"),
            ("GET http://evil.example/known HTTP/1.1\r\nhost: localhost", "421"),
            ("GET /known HTTP/1.1\r\nhost: localhost\r\nhost: evil.example", "421"),
            ("GET /known HTTP/1.0\r\naccept: text/html", "421"),
        ] {
            assert_eq!(status_of(address, head).await, status, "{head}");
        }
    }
}
