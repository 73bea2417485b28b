//! The ports of a stack: page, mailbox, AWS and, behind CloudFront, the API.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, anyhow};
use tokio::net::{TcpListener, TcpSocket};

/// As many connections wait to be accepted as tokio's own listeners let wait.
const BACKLOG: u32 = 1024;

/// The ports of a stack, bound.
#[derive(Debug)]
pub struct Ports {
    /// The port of the site.
    pub page: u16,
    /// The HTTP API; `None` where `sam local` answers in its place.
    pub gateway: Option<ClosedPort>,
    /// The mailbox page.
    pub mailbox: TcpListener,
    /// DynamoDB, EventBridge, KMS, SES and the Runtime API.
    pub aws: TcpListener,
    /// DynamoDB, EventBridge, KMS and SES for containers, at the same port of another interface.
    pub containers: Option<TcpListener>,
    /// The API itself, where the page is CloudFront's.
    pub api: Option<TcpListener>,
}

impl Ports {
    /// Binds `base`, `base + 1` and `base + 2` on the loopback interface; for 0, three that are free.
    pub async fn bind(base: u16) -> anyhow::Result<Self> {
        let loopback = Ipv4Addr::LOCALHOST.into();
        let gateway = ClosedPort::bind(base)?;
        Ok(Self {
            page: gateway.port()?,
            gateway: Some(gateway),
            mailbox: listen(loopback, base, 1).await?,
            aws: listen(loopback, base, 2).await?,
            containers: None,
            api: None,
        })
    }

    /// Binds `base + 3` as well, for the API behind CloudFront.
    pub async fn bind_api(&mut self, base: u16) -> anyhow::Result<()> {
        self.api = Some(listen(Ipv4Addr::LOCALHOST.into(), base, 3).await?);
        Ok(())
    }

    /// Leaves `base` to `sam local`, and also binds `base + 2` where containers reach this machine.
    pub async fn bind_for_sam_local(base: u16, containers: Option<IpAddr>) -> anyhow::Result<Self> {
        let loopback = Ipv4Addr::LOCALHOST.into();
        let containers = match containers {
            Some(address) => Some(listen(address, base, 2).await?),
            None => None,
        };
        Ok(Self {
            page: base,
            gateway: None,
            mailbox: listen(loopback, base, 1).await?,
            aws: listen(loopback, base, 2).await?,
            containers,
            api: None,
        })
    }
}

/// A port of the loopback interface that is bound and refuses connections. A listener would let the system take
/// connections long before the stack can answer them, and a client that waits for the port would come too early.
#[derive(Debug)]
pub struct ClosedPort(TcpSocket);

impl ClosedPort {
    fn bind(port: u16) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = TcpSocket::new_v4().and_then(|socket| {
            // As tokio's own listeners do: connections of an earlier run that linger must not occupy the port.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        });
        bound.map(Self).map_err(|error| unusable(address, &error))
    }

    fn port(&self) -> anyhow::Result<u16> {
        Ok(self.0.local_addr().context("the page's port")?.port())
    }

    /// Accepts connections from now on.
    pub fn open(self) -> anyhow::Result<TcpListener> {
        let address = self.0.local_addr().context("the page's port")?;
        self.0.listen(BACKLOG).map_err(|error| unusable(address, &error))
    }
}

/// The port at `offset` from the base; 0 stays 0.
pub fn port(base: u16, offset: u16) -> anyhow::Result<u16> {
    if base == 0 {
        return Ok(0);
    }
    base.checked_add(offset)
        .with_context(|| format!("--port-base {base} is too high: the stack takes up to four ports"))
}

async fn listen(address: IpAddr, base: u16, offset: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::from((address, port(base, offset)?));
    TcpListener::bind(address).await.map_err(|error| unusable(address, &error))
}

fn unusable(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let port = address.port();
    if error.kind() == io::ErrorKind::AddrInUse {
        return anyhow!(
            "port {port} is in use: stop the program that listens there, or choose other ports with --port-base N"
        );
    }
    anyhow!("cannot listen on {}, port {port}: {error}", address.ip())
}

/// The port a listener got.
pub fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("a bound listener has an address").port()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn the_page_port_refuses_connections_until_it_is_opened() {
        let Ports { page, gateway, .. } = Ports::bind(0).await.expect("three free ports");
        let address = (Ipv4Addr::LOCALHOST, page);
        let refused = TcpStream::connect(address).await.expect_err("nobody listens yet");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listener = gateway.expect("the stack has a page").open().expect("the port is ours");
        TcpStream::connect(address).await.expect("it listens now");
        assert_eq!(port_of(&listener), page);
    }

    #[tokio::test]
    async fn a_page_port_where_another_program_listens_is_refused_at_once() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let refusal = ClosedPort::bind(port_of(&other)).expect_err("it is in use").to_string();
        assert!(refusal.contains("is in use") && refusal.contains("--port-base"), "{refusal}");
    }
}
