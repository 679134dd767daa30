//! The HTTP client for requests to the outside: kept connections, TLS, limits of time. It follows no redirect.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http_body_util::BodyExt;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error as ThisError;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::body::{Held, Until};
use crate::limits::Limits;

/// Below what servers commonly keep a silent connection, so that ours is the side that closes it.
const IDLE_TIME: Duration = Duration::from_secs(4);
const IDLE_CONNECTIONS_PER_HOST: usize = 16;
/// More certificates, in PEM: for forges behind an authority of their own.
const CERTIFICATES: &str = "SSL_CERT_FILE";

tokio::task_local! {
    /// The connector is given a URI and nothing else; the time to connect is the request's.
    static CONNECT_TIME: Duration;
}

#[derive(Debug)]
pub struct Client {
    pool: Pool<Connector, WasiBody>,
    permits: Arc<Semaphore>,
    connect_time: Duration,
    outbound_time: Duration,
}

impl Client {
    pub fn new(limits: &Limits) -> Self {
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .pool_timer(TokioTimer::new())
            .build(Connector);
        Self {
            pool,
            permits: Arc::new(Semaphore::new(limits.outbound_requests)),
            connect_time: limits.connect_time,
            outbound_time: limits.outbound_time,
        }
    }

    pub(crate) async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let options = options.unwrap_or_default();
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Error::ConnectionLimitReached)?;
        let connect_time = options.connect_timeout.unwrap_or(self.connect_time);
        let head_time = options.first_byte_timeout.unwrap_or(self.outbound_time);
        let pause = options.between_bytes_timeout.unwrap_or(self.outbound_time);
        let response = CONNECT_TIME.scope(connect_time, self.pool.request(request));
        let response =
            tokio::time::timeout(head_time, response).await.map_err(|_| Error::ConnectionReadTimeout)?;
        let response = response.map_err(to_wasi)?;
        Ok(response.map(|body| Held::new(body, permit, Until::Pause(pause), pause).boxed_unsync()))
    }
}

#[derive(Debug, ThisError)]
enum ConnectError {
    #[error("the name can't be resolved")]
    Name(#[source] io::Error),
    #[error("no connection in time")]
    Timeout,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("no TLS connection")]
    Tls(#[source] io::Error),
    #[error("the URL has no host")]
    NoHost,
}

fn to_wasi(error: hyper_util::client::legacy::Error) -> Error {
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<ConnectError>() {
            return connect_to_wasi(error);
        }
        if let Some(Error::HttpRequestBodySize(size)) = cause.downcast_ref::<Error>() {
            return Error::HttpRequestBodySize(*size);
        }
        source = cause.source();
    }
    tracing::debug!(%error, "an outbound request failed");
    if error.is_connect() { Error::ConnectionRefused } else { Error::ConnectionTerminated }
}

fn connect_to_wasi(error: &ConnectError) -> Error {
    match error {
        ConnectError::Name(e) => Error::DnsError { rcode: Some(e.to_string()), info_code: None },
        ConnectError::Timeout => Error::ConnectionTimeout,
        ConnectError::Connect(_) => Error::ConnectionRefused,
        ConnectError::Tls(e) => {
            let certificate = e
                .get_ref()
                .and_then(|e| e.downcast_ref::<rustls::Error>())
                .is_some_and(|e| matches!(e, rustls::Error::InvalidCertificate(_)));
            if certificate { Error::TlsCertificateError } else { Error::TlsProtocolError }
        }
        ConnectError::NoHost => Error::HttpRequestUriInvalid,
    }
}

#[derive(Debug, Clone)]
struct Connector;

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let time = CONNECT_TIME.try_with(|time| *time).unwrap_or(Limits::default().connect_time);
        Box::pin(async move {
            tokio::time::timeout(time, connect(uri)).await.unwrap_or(Err(ConnectError::Timeout))
        })
    }
}

async fn connect(uri: Uri) -> Result<Stream, ConnectError> {
    let host = uri.host().ok_or(ConnectError::NoHost)?.trim_matches(['[', ']']);
    let tls = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let mut failure = ConnectError::NoHost;
    for addr in tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Name)? {
        match TcpStream::connect(addr).await {
            Err(e) => failure = ConnectError::Connect(e),
            Ok(tcp) => {
                // A request is one small write after another; waiting to fill packets costs 40 ms.
                tcp.set_nodelay(true).map_err(ConnectError::Connect)?;
                return if tls { secure(host, tcp).await } else { Ok(Stream::Plain(TokioIo::new(tcp))) };
            }
        }
    }
    Err(failure)
}

async fn secure(host: &str, tcp: TcpStream) -> Result<Stream, ConnectError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(tls_config())).clone();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| ConnectError::Tls(io::Error::other(e)))?;
    let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(ConnectError::Tls)?;
    Ok(Stream::Tls(TokioIo::new(Box::new(tls))))
}

fn tls_config() -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = std::env::var_os(CERTIFICATES) {
        match CertificateDer::pem_file_iter(&path) {
            Ok(certificates) => _ = roots.add_parsable_certificates(certificates.flatten()),
            Err(e) => tracing::warn!("{CERTIFICATES} names a file that can't be read as PEM: {e}"),
        }
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has every protocol version that is on by default")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(TokioIo<Box<TlsStream<TcpStream>>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
