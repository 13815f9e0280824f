//! The web client's files: inside the binary in a release, from the folder in a debug build, or from `server.web_dir`.
//!
//! `/assets/*` has the hash of its content in its name and is kept for a year; the page itself is asked for each time and
//! answered with 304 when it has not changed. Vite writes `.br` and `.gz` beside each file.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "web-client/dist"]
#[allow_missing = true]
struct Inside;

/// Where the files come from.
#[derive(Clone, Debug)]
pub struct Web {
    folder: Option<PathBuf>,
}

impl Web {
    /// An empty path means the files inside the binary.
    pub fn new(folder: &Path) -> Self {
        Self { folder: (!folder.as_os_str().is_empty()).then(|| folder.to_owned()) }
    }

    /// Answers any path that no route knows.
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        if method != Method::GET && method != Method::HEAD {
            return Problem::new("method_not_allowed").into_response();
        }
        let name = path.trim_start_matches('/');
        if !name.is_empty() && is_plain(name) {
            if let Some(response) = self.file(name, headers) {
                return response;
            }
            // A missing file is missing; a path without a file name is a page of the client's own router.
            if name.starts_with("assets/") || name.rsplit('/').next().is_some_and(|last| last.contains('.')) {
                return Problem::not_found().into_response();
            }
        }
        self.file("index.html", headers).unwrap_or_else(not_built)
    }

    fn file(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let accepts = |coding: &str| {
            accepted.split(',').any(|part| {
                let mut words = part.split(';').map(str::trim);
                words.next() == Some(coding) && !words.any(|word| matches!(word, "q=0" | "q=0.0"))
            })
        };
        let packed = [("br", ".br"), ("gzip", ".gz")]
            .into_iter()
            .filter(|(coding, _)| accepts(coding))
            .find_map(|(coding, ending)| Some((Some(coding), self.read(&format!("{name}{ending}"))?)));
        let (coding, content) = packed.or_else(|| Some((None, self.read(name)?)))?;
        let hash = Sha256::digest(&content);
        let etag = format!("\"{}\"", hex::encode(&hash[..12]));
        let mut response = if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(content.into_owned()).into_response()
        };
        let kind = mime_guess::from_path(name).first_or_octet_stream();
        let kind = if kind.type_() == "text" { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::try_from(kind).ok()?);
        fields.insert(header::ETAG, HeaderValue::try_from(etag).ok()?);
        fields.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        let keep = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        if let Some(coding) = coding {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        Some(response)
    }

    fn read(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        match &self.folder {
            Some(folder) => std::fs::read(folder.join(name)).ok().map(Cow::Owned),
            None => Inside::get(name).map(|file| file.data),
        }
    }
}

/// Whether a path names something below the folder and nothing else.
fn is_plain(name: &str) -> bool {
    !name.contains(['\\', '\0', '%'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(part) if !is_hidden(part)))
}

fn is_hidden(part: &std::ffi::OsStr) -> bool {
    part.as_encoded_bytes().starts_with(b".")
}

fn not_built() -> Response {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Kafedra</title>\
                <p>The hub runs, but this binary has no web client inside. Build it with <code>make build</code>, \
                or name its folder with <code>--web-dir</code>. The API is described at <a href=\"/api/docs\">/api/docs</a>.";
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], page)
        .into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn web() -> (Web, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("dist/assets")).unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        for (name, content) in [
            ("index.html", "<p>page"),
            ("assets/app-1.js", "plain"),
            ("assets/app-1.js.br", "packed"),
            (".hidden", "x"),
        ] {
            std::fs::write(folder.path().join("dist").join(name), content).unwrap();
        }
        (Web::new(&folder.path().join("dist")), folder)
    }

    fn get(web: &Web, path: &str, pairs: &[(header::HeaderName, &str)]) -> Response {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        web.answer(&Method::GET, path, &headers)
    }

    #[test]
    fn a_page_is_asked_for_each_time_and_an_asset_is_kept() {
        let (web, _folder) = web();
        let page = get(&web, "/timetable/today", &[]);
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
        let etag = page.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(get(&web, "/", &[(header::IF_NONE_MATCH, &etag)]).status(), StatusCode::NOT_MODIFIED);
        let asset = get(&web, "/assets/app-1.js", &[(header::ACCEPT_ENCODING, "gzip, br")]);
        assert!(asset.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(asset.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(asset.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    }

    #[test]
    fn nothing_outside_the_folder_is_given_out() {
        let (web, _folder) = web();
        for path in ["/../secret", "/assets/../../secret", "/%2e%2e/secret", "/.hidden", "/assets/../.hidden"] {
            let response = get(&web, path, &[]);
            let is_page =
                response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/html; charset=utf-8");
            assert!(response.status() == StatusCode::NOT_FOUND || is_page, "{path}");
        }
        assert_eq!(get(&web, "/assets/gone.js", &[]).status(), StatusCode::NOT_FOUND);
    }
}
