//! Connections, no more than a number of them at once.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
Content-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"error\":\"too many connections at once\"}\n";

/// Accepts connections while there are few enough, and refuses the others with a word.
pub(crate) struct Counted {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

impl Counted {
    pub(crate) fn new(listener: TcpListener, most: usize) -> Self {
        let free = Arc::new(Semaphore::new(most.max(1)));
        Counted { listener, free }
    }
}

impl Listener for Counted {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((mut stream, address)) => match self.free.clone().try_acquire_owned() {
                    Ok(permit) => {
                        // Answers are short; without this they wait for the other side's acknowledgement.
                        let _ = stream.set_nodelay(true);
                        let connection = Connection {
                            stream,
                            _permit: permit,
                        };
                        return (connection, address);
                    }
                    Err(_) => {
                        tokio::spawn(async move {
                            // Best effort: it is gone in any case.
                            let written = stream.write_all(FULL);
                            let _ = tokio::time::timeout(Duration::from_secs(1), written).await;
                            let _ = stream.shutdown().await;
                        });
                    }
                },
                // No more files, or a connection that went before it came.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that makes room for another when it ends.
pub(crate) struct Connection {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buf: &mut ReadBuf) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
