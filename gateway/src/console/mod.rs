//! The console: files for a browser, which the root embeds. They are for everyone; what they show comes over the API.

use std::{
    io::Read,
    path::{Component, Path, PathBuf},
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::state::Gateway;

/// A file of the console, in the forms in which it can be sent; in one of them at least.
#[derive(Debug, Clone, Copy)]
pub struct ConsoleFile {
    /// Its path, with a slash before it.
    pub url: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Whether its path names its content, so that browsers keep it for ever.
    pub immutable: bool,
    /// Its entity tag, in quotes (RFC 9110, section 8.8.3).
    pub tag: &'static str,
    /// In the coding `br`.
    pub brotli: Option<&'static [u8]>,
    /// In the coding `gzip`, unpacked for who takes no coding.
    pub gzip: Option<&'static [u8]>,
    /// As it is.
    pub plain: Option<&'static [u8]>,
}

/// The page, which finds by itself what to show at a path.
const PAGE: &str = "/index.html";
/// Where everything else lies, under a hash of it.
const ASSETS: &str = "/assets/";

/// Nothing from elsewhere, nothing inline, no frame around it. Wasm has a permission of its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// Whether a request to which no route belongs is one for the console: for a file of it, or of a browser that opens a page.
pub(crate) fn is_meant(request: &Request) -> bool {
    let path = request.uri().path();
    let of_api = path == "/v1" || path.starts_with("/v1/");
    matches!(*request.method(), Method::GET | Method::HEAD)
        && (path == "/" || path.starts_with(ASSETS) || !of_api && wants_html(request.headers()))
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// Answers such a request.
pub(crate) async fn serve(gateway: &Gateway, asked: &Parts) -> Response {
    let path = asked.uri.path();
    if let Some(folder) = &gateway.config().console_dir {
        return from_folder(folder, path).await;
    }
    let find = |url: &str| gateway.config().console.iter().find(|file| file.url == url);
    match find(path) {
        Some(file) => embedded(file, &asked.headers),
        None if path.starts_with(ASSETS) => StatusCode::NOT_FOUND.into_response(),
        None => find(PAGE).map_or_else(
            || StatusCode::NOT_FOUND.into_response(),
            |file| embedded(file, &asked.headers),
        ),
    }
}

fn embedded(file: &'static ConsoleFile, headers: &HeaderMap) -> Response {
    let keep = if file.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag == file.tag);
    let (coding, body) = if known {
        (None, Some(Body::empty()))
    } else {
        body(file, headers)
    };
    let Some(body) = body else {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    };
    let mut response = Response::new(body);
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let all = [
        (header::CONTENT_TYPE, HeaderValue::from_static(file.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
        (header::ETAG, HeaderValue::from_static(file.tag)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    response.headers_mut().extend(all);
    response.headers_mut().extend(guards());
    if let Some(coding) = coding {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// What keeps the page to itself.
fn guards() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

/// The file in the best coding that is taken.
fn body(file: &'static ConsoleFile, headers: &HeaderMap) -> (Option<&'static str>, Option<Body>) {
    match file {
        ConsoleFile {
            brotli: Some(bytes), ..
        } if accepts(headers, "br") => (Some("br"), Some(Body::from(*bytes))),
        ConsoleFile {
            gzip: Some(bytes), ..
        } if accepts(headers, "gzip") => (Some("gzip"), Some(Body::from(*bytes))),
        ConsoleFile {
            plain: Some(bytes), ..
        } => (None, Some(Body::from(*bytes))),
        ConsoleFile {
            gzip: Some(bytes), ..
        } => {
            let mut plain = Vec::new();
            let unpacked = flate2::read::GzDecoder::new(*bytes).read_to_end(&mut plain);
            (None, unpacked.is_ok().then(|| Body::from(plain)))
        }
        _ => (None, None),
    }
}

fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let values = accepted.filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some(coding) && !parts.any(|weight| weight == "q=0")
    })
}

/// The files of a console that was built apart: for who works on it.
async fn from_folder(folder: &Path, path: &str) -> Response {
    let Some(mut file) = within(folder, path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let read = tokio::fs::read(&file).await;
    let read = match read {
        Err(_) if !path.starts_with(ASSETS) => {
            file = folder.join(PAGE.trim_start_matches('/'));
            tokio::fs::read(&file).await
        }
        read => read,
    };
    let Ok(bytes) = read else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let media_type = match file.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = Body::from(bytes).into_response();
    let all = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    response.headers_mut().extend(all);
    response.headers_mut().extend(guards());
    response
}

/// A path in a folder, unless it leads out of it.
fn within(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| folder.join(relative))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, path: &str, accept: &str) -> bool {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("accept", accept);
        is_meant(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn browsers_get_the_page_and_programs_their_problem() {
        let html = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (method, path, accept, meant) in [
            (Method::GET, "/", "*/*", true),
            (Method::HEAD, "/", "*/*", true),
            (Method::POST, "/", html, false),
            (Method::GET, "/assets/0/console.js", "*/*", true),
            (Method::GET, "/queues/a.b", html, true),
            (Method::GET, "/queues/a.b", "*/*", false),
            (Method::GET, "/v1/nothing", html, false),
            (Method::GET, "/v1", html, false),
        ] {
            assert_eq!(
                asked(method.clone(), path, accept),
                meant,
                "{method} {path} {accept}"
            );
        }
    }

    #[test]
    fn codings_are_taken_at_their_word() {
        let accepts = |given: &str, coding| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, given.parse().unwrap())]);
            accepts(&headers, coding)
        };
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("brx", "br"));
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = Path::new("/console");
        assert_eq!(
            within(folder, "/assets/a.js").unwrap(),
            Path::new("/console/assets/a.js")
        );
        for path in ["/../etc/passwd", "/assets/../../x", "/./../x"] {
            assert_eq!(within(folder, path), None, "{path}");
        }
    }
}
