//! HTTP/1.1 on loopback: accepts connections and hands every request with its whole body to a handler.
//!
//! What a request means is the handlers' business.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{fmt, net::SocketAddr};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

/// Largest request body that is read.
const MAX_BODY: usize = 16 << 20;

/// The connection is to be closed without (the rest of) an answer.
#[derive(Clone, Copy, Debug)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection closed on purpose")
    }
}

impl std::error::Error for Aborted {}

pub type Body = UnsyncBoxBody<Bytes, Aborted>;
pub type Answer = Result<Response<Body>, Aborted>;

/// A listening endpoint; dropping it closes it and all its connections.
pub struct Server {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    pub async fn bind() -> std::io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    pub fn start<F, Fut>(listener: TcpListener, address: SocketAddr, handler: F) -> Server
    where
        F: Fn(Request<Bytes>) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let handler = handler.clone();
                connections.spawn(async move {
                    let service = service_fn(move |it| answer(it, handler.clone()));
                    // A connection that ends in an error has nobody left to tell.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Server { address, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn answer<F, Fut>(request: Request<Incoming>, handler: F) -> Answer
where
    F: Fn(Request<Bytes>) -> Fut,
    Fut: Future<Output = Answer>,
{
    let (parts, body) = request.into_parts();
    let body = http_body_util::Limited::new(body, MAX_BODY).collect().await.map_err(|_| Aborted)?;
    handler(Request::from_parts(parts, body.to_bytes())).await
}

/// A whole answer.
pub fn respond(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    typed(status, content_type, body)
}

/// An answer in parts that are all known.
pub fn parts(content_type: &str, parts: Vec<Bytes>) -> Response<Body> {
    let frames = parts.into_iter().map(|it| Ok::<_, Aborted>(Frame::data(it)));
    typed(200, content_type, StreamBody::new(futures::stream::iter(frames)).boxed_unsync())
}

/// An answer in parts that come later; an `Err` cuts the connection.
pub fn stream(content_type: &str, parts: mpsc::Receiver<Result<Bytes, Aborted>>) -> Response<Body> {
    let frames = futures::stream::unfold(parts, async |mut parts| {
        let next = parts.recv().await?;
        Some((next.map(Frame::data), parts))
    });
    typed(200, content_type, StreamBody::new(frames).boxed_unsync())
}

fn typed(status: u16, content_type: &str, body: Body) -> Response<Body> {
    let mut res = Response::new(body);
    *res.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(it) = content_type.parse() {
        res.headers_mut().insert(CONTENT_TYPE, it);
    }
    res
}
