//! Listeners: the three ports, and connections that can be cut before the answer goes out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use anyhow::{Context as _, bail};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

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
    pub async fn bind_services(base: u16, containers: Option<IpAddr>) -> anyhow::Result<Self> {
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

/// Accepts connections that a handler can cut through [`Scissors`].
#[derive(Debug)]
pub struct CuttableListener(pub TcpListener);

/// Cuts the connection of the request it came with: nothing more is written to it, not even an answer.
#[derive(Debug, Clone, Default)]
pub struct Scissors(Arc<AtomicBool>);

impl Scissors {
    /// Cuts the connection.
    pub fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A connection that fails to write once it is cut.
#[derive(Debug)]
pub struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Small answers must not wait for more; without the option they are only slower.
        let _ = stream.set_nodelay(true);
        (CuttableStream { stream, scissors: Scissors::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().scissors.clone()
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.scissors.0.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
