//! An API server of a few lines that answers what a test scripts, down to where the connection breaks.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What one request gets.
pub enum Answer {
    Full(u16, String),
    /// 200, this much of the body, then the connection ends without the end of the body.
    Cut(String),
    /// 200 and a watch of these lines, then silence.
    Quiet(Vec<String>),
}

pub struct Request {
    /// Without query.
    pub path: String,
    pub query: String,
    pub head: String,
    /// How many requests with this path and of this kind (watch or not) came before.
    pub nth: usize,
}

impl Request {
    pub fn is_watch(&self) -> bool {
        self.query.contains("watch=true")
    }
}

pub struct Server {
    pub url: String,
    pub log: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (script, seen) = (Arc::new(script), log.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, script.clone(), seen.clone()));
            }
        });
        Server { url, log, task }
    }
}

impl Server {
    /// Waits for a request with such a target.
    pub async fn until_asked(&self, is_it: impl Fn(&str) -> bool) {
        let waited = async {
            while !self.log.lock().unwrap().iter().any(|it| is_it(it)) {
                tokio::task::yield_now().await;
            }
        };
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, waited).await.expect("never asked for");
    }
}

async fn serve<S>(mut stream: TcpStream, script: Arc<S>, log: Arc<Mutex<Vec<String>>>) -> Option<()>
where
    S: Fn(&Request) -> Answer,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        path: path.to_owned(),
        query: query.to_owned(),
        head: head.to_ascii_lowercase(),
        nth: 0,
    };
    {
        let mut log = log.lock().unwrap();
        let kind = |it: &str| (it.split('?').next().unwrap().to_owned(), it.contains("watch=true"));
        request.nth = log.iter().filter(|it| kind(it) == kind(target)).count();
        log.push(target.to_owned());
    }
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    match script(&request) {
        Answer::Full(status, body) => {
            let mut text = String::new();
            write!(
                text,
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            stream.write_all(text.as_bytes()).await.ok()?;
        }
        Answer::Cut(body) => {
            stream.write_all(chunked.as_bytes()).await.ok()?;
            stream.write_all(chunk(&body).as_bytes()).await.ok()?;
        }
        Answer::Quiet(lines) => {
            stream.write_all(chunked.as_bytes()).await.ok()?;
            for line in lines {
                stream.write_all(chunk(&format!("{line}\n")).as_bytes()).await.ok()?;
            }
            std::future::pending::<()>().await;
        }
    }
    stream.shutdown().await.ok()
}

fn chunk(body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) }
}
