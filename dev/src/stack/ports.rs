//! The three ports of a stack: page, mailbox, AWS.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

/// The listeners of a stack, bound.
#[derive(Debug)]
pub struct Ports {
    /// Where the site is, or will be.
    pub page: u16,
    /// The HTTP API; `None` where `sam local` answers in its place.
    pub gateway: Option<TcpListener>,
    /// The mailbox page.
    pub mailbox: TcpListener,
    /// DynamoDB, SES and the Runtime API.
    pub aws: TcpListener,
    /// DynamoDB and SES for containers, at the same port of another interface.
    pub containers: Option<TcpListener>,
}

impl Ports {
    /// Binds `base`, `base + 1` and `base + 2` on the loopback interface; for 0, three that are free.
    pub async fn bind(base: u16) -> anyhow::Result<Self> {
        let loopback = Ipv4Addr::LOCALHOST.into();
        let gateway = listen(loopback, base, 0).await?;
        Ok(Self {
            page: port_of(&gateway),
            gateway: Some(gateway),
            mailbox: listen(loopback, base, 1).await?,
            aws: listen(loopback, base, 2).await?,
            containers: None,
        })
    }

    /// Leaves `base` to `sam local`, and binds `base + 2` besides where containers reach this machine.
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
        })
    }
}

/// The port at `offset` from the base; 0 stays 0.
pub fn port(base: u16, offset: u16) -> anyhow::Result<u16> {
    if base == 0 {
        return Ok(0);
    }
    base.checked_add(offset)
        .with_context(|| format!("--port-base {base} is too high: three ports from it on are needed"))
}

async fn listen(address: IpAddr, base: u16, offset: u16) -> anyhow::Result<TcpListener> {
    let port = port(base, offset)?;
    match TcpListener::bind((address, port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("port {port} is in use: stop what listens there, or choose other ports with --port-base N")
        }
        Err(error) => bail!("cannot listen on {address}, port {port}: {error}"),
    }
}

/// The port a listener got.
pub fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("a bound listener has an address").port()
}
