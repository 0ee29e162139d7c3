//! The little of `WebDriver` (W3C) that is needed here: JSON over HTTP to chromedriver, which drives Chromium.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// The key under which an element is told (W3C `WebDriver`, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A part of a page, as the driver calls it.
#[derive(Debug)]
pub(crate) struct Element(String);

/// A browser under control. Dropped, it is ended.
pub(crate) struct Driver {
    client: Client<HttpConnector, Full<Bytes>>,
    /// `http://…/session/…`
    session: String,
    process: Child,
    profile: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A test that has failed has not closed it, and a browser does not end with its driver.
        let _ = self.end();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    /// Ends the browser without waiting for an async runtime, which may be the one that unwinds.
    fn end(&self) -> std::io::Result<()> {
        let (address, path) = self
            .session
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .unwrap_or_default();
        let mut driver = TcpStream::connect(address)?;
        driver.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            driver,
            "DELETE /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )?;
        driver.read(&mut [0; 64]).map(drop)
    }

    /// Starts a browser.
    pub(crate) async fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver tells its port");
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            session: format!("http://127.0.0.1:{port}/session"),
            process,
            profile,
        };
        let data = format!("--user-data-dir={}", driver.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            &data,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let made = driver
            .command(Method::POST, "", &wanted)
            .await
            .expect("a browser");
        let id = made["sessionId"].as_str().expect("a session").to_owned();
        driver.session = format!("{}/{id}", driver.session);
        driver
    }

    /// Sends a command; an error is what the driver says.
    async fn command(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.session))
            .header("content-type", "application/json");
        let body = if method == Method::GET {
            String::new()
        } else {
            body.to_string()
        };
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| format!("{error:?}"))?;
            let fine = answer.status().is_success();
            let bytes = answer
                .into_body()
                .collect()
                .await
                .map_err(|error| error.to_string())?
                .to_bytes();
            let mut json: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            let value = json["value"].take();
            if fine {
                Ok(value)
            } else {
                Err(value["message"].to_string())
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, exchange).await;
        in_time.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}: {path}")))
    }

    /// Opens an address.
    pub(crate) async fn go(&self, url: &str) {
        self.command(Method::POST, "/url", &json!({"url": url}))
            .await
            .expect("a page");
    }

    /// The first element that the selector means, if there is one.
    pub(crate) async fn find(&self, using: &str, selector: &str) -> Option<Element> {
        let asked = json!({"using": using, "value": selector});
        let found = self.command(Method::POST, "/element", &asked).await.ok()?;
        Some(Element(found[ELEMENT].as_str()?.to_owned()))
    }

    /// Clicks it, as a person would: an error if it is gone, or something lies over it.
    pub(crate) async fn click(&self, element: &Element) -> Result<(), String> {
        let path = format!("/element/{}/click", element.0);
        self.command(Method::POST, &path, &json!({})).await.map(drop)
    }

    /// Empties a field.
    pub(crate) async fn clear(&self, element: &Element) {
        let path = format!("/element/{}/clear", element.0);
        self.command(Method::POST, &path, &json!({}))
            .await
            .expect("a field");
    }

    /// Types into it.
    pub(crate) async fn type_into(&self, element: &Element, text: &str) {
        let path = format!("/element/{}/value", element.0);
        self.command(Method::POST, &path, &json!({"text": text}))
            .await
            .expect("it takes keys");
    }

    /// Runs a script in the page, and returns what it returns.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Value {
        let asked = json!({"script": script, "args": arguments});
        self.command(Method::POST, "/execute/sync", &asked)
            .await
            .expect("it runs")
    }

    /// The same of a script that calls its last argument with what it returns.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        let asked = json!({"script": script, "args": []});
        self.command(Method::POST, "/execute/async", &asked)
            .await
            .expect("it runs")
    }

    /// Makes the window so large.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height});
        self.command(Method::POST, "/window/rect", &size)
            .await
            .expect("a size");
    }

    /// A picture of what is seen, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let coded = self
            .command(Method::GET, "/screenshot", &Value::Null)
            .await
            .expect("a picture");
        STANDARD
            .decode(coded.as_str().unwrap_or_default())
            .expect("base64")
    }

    /// Ends the browser.
    pub(crate) async fn close(self) {
        let _ = self.command(Method::DELETE, "", &Value::Null).await;
    }
}
