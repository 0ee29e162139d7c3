//! The document for people: one page that draws it, with nothing from anywhere else.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const BODY: &str = include_str!("page.html");

/// The page, and the policy under which a browser shows it.
#[derive(Debug)]
pub(crate) struct Page {
    /// The HTML, with its style and script in it.
    pub(crate) html: String,
    /// `Content-Security-Policy`: this very style and script, and requests to where the page comes from.
    pub(crate) policy: String,
}

/// Puts it together.
pub(crate) fn page() -> Page {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    Page {
        html: BODY.replace("/*style*/", STYLE).replace("/*script*/", SCRIPT),
        policy: format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        ),
    }
}
