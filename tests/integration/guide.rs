//! Video instructions beside the articles of the guide (R2.3b): put there by those who may, seen by everybody of the school, played in
//! parts.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{ADMIN, Answer, Client, DEPUTY, GUARDIAN, STUDENT, TEACHER, TestHub};

const PATH: &str = "/api/v1/guide/videos/student/webinar";

async fn put(client: &Client, path: &str, body: &Value) -> Answer {
    client.send(client.request(Method::PUT, path).json(body)).await
}

async fn bring(client: &Client, title: &str, bytes: Vec<u8>) -> Answer {
    let request = client.request(Method::POST, &format!("{PATH}/file?title={title}"));
    client.send(request.header("content-type", "application/octet-stream").body(bytes)).await
}

async fn seen(client: &Client) -> Vec<Value> {
    client.get("/api/v1/guide/videos").await.body["items"].as_array().unwrap().clone()
}

/// The head of an MP4 and so many bytes that say where they stand.
fn film(length: usize) -> Vec<u8> {
    let mut film = b"\0\0\0\x18ftypisom".to_vec();
    film.extend((film.len()..length).map(|at| (at % 251) as u8));
    film
}

fn files(hub: &TestHub) -> usize {
    std::fs::read_dir(hub.data().join("files")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_link_stands_beside_its_article_and_only_who_may_puts_it_there() {
    let hub = TestHub::start().await;
    let (deputy, student) = (hub.sign_in(DEPUTY).await, hub.sign_in(STUDENT).await);
    assert_eq!(seen(&student).await, Vec::<Value>::new());
    let link = json!({ "title": "Как войти на вебинар", "link": "https://video.school.example/how" });
    for code in [TEACHER, STUDENT, GUARDIAN] {
        let other = hub.sign_in(code).await;
        let answer = put(&other, PATH, &link).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{code}");
        assert_eq!(bring(&other, "x", film(100)).await.code(), "role_not_permitted", "{code}");
        assert_eq!(other.delete(PATH).await.code(), "role_not_permitted", "{code}");
    }
    for (path, body) in [
        (PATH, json!({ "title": "x", "link": "http://video.school.example" })),
        (PATH, json!({ "title": "x", "link": "javascript:alert(1)" })),
        (PATH, json!({ "title": " ", "link": "https://video.school.example" })),
        (PATH, json!({ "title": "x", "link": "https://video.school.example", "autoplay": true })),
        ("/api/v1/guide/videos/cook/webinar", link.clone()),
        ("/api/v1/guide/videos/student/workshop", link.clone()),
    ] {
        assert_eq!(put(&deputy, path, &body).await.status, StatusCode::BAD_REQUEST, "{path} {body}");
    }
    assert_eq!(put(&deputy, PATH, &link).await.status, StatusCode::NO_CONTENT);
    let items = seen(&student).await;
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["part"], &items[0]["form"]), (&json!("student"), &json!("webinar")));
    assert_eq!((&items[0]["link"], &items[0]["title"]), (&link["link"], &link["title"]));

    // Taken away once.
    let admin = hub.sign_in(ADMIN).await;
    assert_eq!(admin.delete(PATH).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.delete(PATH).await.status, StatusCode::NOT_FOUND);
    assert_eq!(seen(&student).await, Vec::<Value>::new());
    hub.stop().await;
}

#[tokio::test]
async fn a_file_is_played_in_parts_and_goes_with_its_row() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    let bytes = film(300_000);
    assert_eq!(bring(&admin, "x", b"<html>not a film at all</html>".to_vec()).await.status.as_u16(), 415);
    assert_eq!(bring(&admin, "x", Vec::new()).await.status.as_u16(), 415);
    let large = bring(&admin, "x", film((64 << 20) + 1)).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(files(&hub), 0, "nothing is left of what was refused");
    // What a hub left half brought when it fell.
    std::fs::write(hub.data().join("files/0000.half"), b"half a film").unwrap();
    let hub = hub.restart().await;
    assert_eq!(files(&hub), 0);
    let (admin, student) = (hub.sign_in(ADMIN).await, hub.sign_in(STUDENT).await);
    assert_eq!(bring(&admin, "film", bytes.clone()).await.status, StatusCode::CREATED);

    let url = seen(&student).await[0]["url"].as_str().unwrap().to_owned();
    let get = async |range: Option<&str>| {
        let mut request = student.request(Method::GET, &url);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.send().await.unwrap()
    };
    let whole = get(None).await;
    assert_eq!((whole.status(), whole.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "video/mp4"));
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = get(Some("bytes=100000-200000")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 100000-200000/300000");
    assert_eq!(part.bytes().await.unwrap(), bytes[100_000..=200_000]);
    let tail = get(Some("bytes=-5")).await;
    assert_eq!(tail.bytes().await.unwrap(), bytes[bytes.len() - 5..]);
    let beyond = get(Some("bytes=300000-")).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(hub.client().get(&url).await.status, StatusCode::UNAUTHORIZED);

    // Replaced by a link, the bytes go.
    assert_eq!(files(&hub), 1);
    let link = json!({ "title": "x", "link": "https://video.school.example/how" });
    assert_eq!(put(&admin, PATH, &link).await.status, StatusCode::NO_CONTENT);
    assert_eq!(files(&hub), 0);
    assert_eq!(get(None).await.status(), StatusCode::NOT_FOUND);
    hub.stop().await;
}
