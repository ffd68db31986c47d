//! A bound on open connections. Those beyond it are not accepted: they wait in the system's queue until one closes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::{AddrListener, Address};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Listens, and accepts as many connections as there are places.
pub(super) struct Listener {
    tcp: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener {
    pub(super) fn new(tcp: std::net::TcpListener, places: usize) -> io::Result<Self> {
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { tcp: TcpListener::from_std(tcp)?, places })
    }

    async fn place(&self) -> io::Result<OwnedSemaphorePermit> {
        if self.places.available_permits() == 0 {
            tracing::warn!("all connections are taken: new ones wait");
        }
        Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)
    }
}

/// Who connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(SocketAddr);

impl Address for Peer {
    type Stream = Connection;
    type Listener = Listener;
}

impl AddrListener<Connection, Peer> for Listener {
    async fn bind_to(Peer(address): Peer) -> io::Result<Self> {
        Self::new(std::net::TcpListener::bind(address)?, Semaphore::MAX_PERMITS)
    }

    async fn accept_stream(&self) -> io::Result<(Connection, Peer)> {
        let place = self.place().await?;
        let (stream, address) = self.tcp.accept().await?;
        Ok((Connection { stream, _place: place }, Peer(address)))
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.tcp.local_addr().map(Peer)
    }
}

/// A connection with its place, which is free again when it closes.
pub(super) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
