//! A plain HTTP client that keeps its connections.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

#[derive(Clone)]
pub struct Client {
    http: Legacy<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Client {
    pub fn new(base: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { http: Legacy::builder(TokioExecutor::new()).build(connector), base: base.to_owned() }
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: impl Into<Bytes>,
    ) -> Result<(u16, Bytes)> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = self.http.request(request.body(Full::new(body.into()))?).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// A call of the API with a token; anything but success is an error.
    pub async fn api(&self, token: &str, method: &str, path: &str, body: Value) -> Result<Value> {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let body = if method == "GET" { Bytes::new() } else { Bytes::from(body.to_string()) };
        let (status, answer) = self.send(method, path, &headers, body).await?;
        let text = String::from_utf8_lossy(&answer);
        anyhow::ensure!((200..300).contains(&status), "{method} {path} answered {status}: {text}");
        serde_json::from_slice(&answer).with_context(|| format!("{method} {path} answered {text}"))
    }
}
