//! What supervisors and scrapers see.

use reqwest::StatusCode;

use crate::hub::TestHub;

#[tokio::test]
async fn a_healthy_hub_is_alive_ready_and_measured() {
    let hub = TestHub::start().await;
    let client = hub.client();
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.body);
    let names: Vec<&str> =
        ready.body["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"store") && names.contains(&"presence"), "{names:?}");
    let metrics = client.get("/metrics").await;
    let text = metrics.body.as_str().unwrap();
    assert!(text.contains("kafedra_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"}"), "{text}");
    for figure in ["kafedra_connections ", "kafedra_media_transports ", "kafedra_media_packets_forwarded_total "] {
        assert!(text.contains(figure), "{figure} is missing: {text}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_without_its_store_is_alive_and_not_ready() {
    let hub = TestHub::start().await;
    hub.app().state.store.close().await;
    let client = hub.client();
    assert_eq!(client.get("/healthz").await.status, StatusCode::OK);
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.body);
}

#[tokio::test]
async fn unknown_paths_of_the_api_are_problems_and_others_are_the_web_client() {
    let hub = TestHub::start().await;
    let client = hub.client();
    let answer = client.get("/api/v1/no-such-thing").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let page = client.get("/timetable").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    hub.stop().await;
}

#[tokio::test]
async fn a_half_sent_head_is_cut_off_and_everybody_else_is_served() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let hub = TestHub::start().await;
    let mut silent = tokio::net::TcpStream::connect(hub.app().addr).await.unwrap();
    let mut slow = tokio::net::TcpStream::connect(hub.app().addr).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    assert_eq!(hub.client().get("/healthz").await.status, StatusCode::OK);
    for stream in [&mut silent, &mut slow] {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(std::time::Duration::from_secs(8), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "the connection was left open");
    }
    hub.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once() {
    use tokio::io::AsyncReadExt as _;

    let hub = TestHub::start_with(|config| config.server.max_connections = 2).await;
    let connect = || tokio::net::TcpStream::connect(hub.app().addr);
    let held = [connect().await.unwrap(), connect().await.unwrap()];
    let mut refused = connect().await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(2), refused.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the third connection was kept");
    drop(held);
    hub.stop().await;
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_place() {
    use tokio::io::AsyncReadExt as _;

    let hub = TestHub::start_with(|config| config.server.max_connections = 2).await;
    let held = [
        tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap(),
        tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap(),
    ];
    let mut refused = tokio::net::TcpStream::connect(hub.app().addr).await.unwrap();
    let closed = tokio::time::timeout(std::time::Duration::from_secs(2), refused.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "the third connection was kept");
    drop(held);
    crate::client::until_async("the places are free again", async || {
        tokio_tungstenite::connect_async(hub.socket_url()).await.is_ok()
    })
    .await;
    hub.stop().await;
}
