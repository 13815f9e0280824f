//! Requests that another site makes a browser send are refused on every route that changes something (SAFETY HT-03).

use reqwest::{Method, StatusCode};

use crate::hub::{TEACHER, TestHub};

#[tokio::test]
async fn another_site_cannot_change_anything() {
    let hub = TestHub::start().await;
    let client = hub.sign_in(TEACHER).await;
    let document = client.get("/api/openapi.json").await.body;
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "none").replace("{room}", "none").replace("{session}", "none");
        for method in
            methods.as_object().unwrap().keys().filter(|method| !["get", "options"].contains(&method.as_str()))
        {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = || client.request(method.clone(), &path);
            let forged = [
                ("a fetch", request().header("origin", "https://evil.example").json(&serde_json::json!({}))),
                ("a sandboxed page", request().header("origin", "null").json(&serde_json::json!({}))),
                ("another subdomain", request().header("sec-fetch-site", "same-site").json(&serde_json::json!({}))),
                ("a form", request().header("sec-fetch-site", "cross-site").header("content-type", "text/plain")),
                ("an old browser's form", request().header("content-type", "application/x-www-form-urlencoded")),
                ("an upload form", request().header("content-type", "multipart/form-data; boundary=x")),
            ];
            for (what, request) in forged {
                let answer = client.send(request.body("{}")).await;
                assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "csrf"), "{what}: {method} {path}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 6 * 4, "{tried} requests were tried");
    assert_eq!(client.get("/api/v1/me").await.status, StatusCode::OK, "the session is still there");
    hub.stop().await;
}

#[tokio::test]
async fn the_hubs_own_pages_and_programs_are_let_through() {
    let hub = TestHub::start().await;
    let client = hub.sign_in(TEACHER).await;
    let own_page = client
        .request(Method::POST, "/api/v1/session/ticket")
        .header("origin", hub.url.as_str())
        .header("sec-fetch-site", "same-origin");
    assert_eq!(client.send(own_page).await.status, StatusCode::OK);
    let program = client.request(Method::POST, "/api/v1/session/ticket");
    assert_eq!(client.send(program).await.status, StatusCode::OK);
    let token = hub.token(TEACHER, &["room.join"]).await;
    let elsewhere = token.request(Method::POST, "/api/v1/session/ticket").header("origin", "https://player.example");
    assert_eq!(token.send(elsewhere).await.status, StatusCode::OK, "a bearer token is not sent by itself");
    hub.stop().await;
}
