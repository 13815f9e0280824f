//! Security headers stand on every answer: API, errors, files, documents (SAFETY HT-05).

use reqwest::Method;

use crate::hub::{Answer, TEACHER, TestHub};

fn check(path: &str, answer: &Answer, is_https: bool) {
    let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let expect = |name: &str, part: &str| {
        let value = header(name).unwrap_or_default();
        assert!(value.contains(part), "{path} {}: {name}: {value:?} lacks {part:?}", answer.status);
    };
    expect("x-content-type-options", "nosniff");
    expect("referrer-policy", "no-referrer");
    expect("permissions-policy", "camera=(self), microphone=(self), display-capture=(self)");
    expect("permissions-policy", "geolocation=()");
    expect("cross-origin-opener-policy", "same-origin");
    expect("cross-origin-resource-policy", "same-origin");
    // A report to print needs nothing at all: that is stricter, and means scripts and objects too.
    if header("content-security-policy").unwrap_or_default().starts_with("default-src 'none';") {
        assert!(!header("content-security-policy").unwrap().contains("script-src"), "{path}");
        expect("content-security-policy", "form-action 'none'");
    } else {
        expect("content-security-policy", "default-src 'self'");
        expect("content-security-policy", "object-src 'none'");
        expect("content-security-policy", "form-action 'self'");
        expect("content-security-policy", "script-src 'self' 'wasm-unsafe-eval';");
    }
    expect("content-security-policy", "frame-ancestors 'none'");
    expect("content-security-policy", "base-uri 'none'");
    expect("x-frame-options", "DENY");
    if path.starts_with("/api/") {
        expect("cache-control", "no-store");
    }
    // A year.
    let hsts = is_https.then(|| "max-age=31536000".to_owned());
    assert_eq!(header("strict-transport-security"), hsts, "{path}");
    assert!(header("server").is_none() && header("x-powered-by").is_none(), "{path} names its software");
}

/// Every route of the document with its methods, and some paths beside it.
async fn walk(hub: &TestHub, is_https: bool) {
    let client = hub.sign_in_or_not(TEACHER, is_https).await;
    let document = client.get("/api/openapi.json").await.body;
    let mut paths: Vec<(Method, String)> = ["/", "/assets/none.js", "/none.txt", "/api/none", "/api/docs"]
        .iter()
        .map(|path| (Method::GET, (*path).to_owned()))
        .collect();
    paths.push((Method::DELETE, "/".into()));
    paths.push((Method::GET, "/api/v1/session".into()));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            // Signing out would change the walk.
            if (method.as_str(), path.as_str()) != ("delete", "/api/v1/session") {
                let method = method.to_uppercase().parse().unwrap();
                paths.push((
                    method,
                    path.replace("{id}", "none").replace("{room}", "none").replace("{session}", "none"),
                ));
            }
        }
    }
    assert!(paths.len() > 15, "{paths:?}");
    for (method, path) in paths {
        let request = client.request(method, &path);
        // A stream of events has no end to wait for.
        let answer = if path.ends_with("/live") { client.head_of(request).await } else { client.send(request).await };
        check(&path, &answer, is_https);
        assert!(answer.status.as_u16() != 500, "{path}: {}", answer.body);
    }
}

impl TestHub {
    /// Cookies with `Secure` do not travel over the test's plain HTTP: then the walk is anonymous.
    async fn sign_in_or_not(&self, code: &str, is_https: bool) -> crate::hub::Client {
        if is_https { self.client() } else { self.sign_in(code).await }
    }
}

#[tokio::test]
async fn security_headers_stand_on_every_answer() {
    let hub = TestHub::start().await;
    walk(&hub, false).await;
    hub.stop().await;
}

#[tokio::test]
async fn behind_https_they_ask_for_https() {
    let hub = TestHub::start_with(|config| config.server.public_url = "https://hub.school.example".into()).await;
    walk(&hub, true).await;
    hub.stop().await;
}
