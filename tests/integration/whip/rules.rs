//! What RFC 9725 and draft-ietf-wish-whep demand of the HTTP, rule by rule.

use reqwest::{Method, StatusCode};

use super::{BOTH, HOST, conference, location, post, sdp};
use crate::client::Client;
use crate::hub::{Answer, Client as Program, TestHub};

const TRICKLE: &str = "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n";

async fn patch(program: &Program, session: &str, fragment: &str, condition: Option<&str>) -> Answer {
    let mut request = program
        .request(Method::PATCH, session)
        .header("content-type", "application/trickle-ice-sdpfrag")
        .body(fragment.to_owned());
    if let Some(condition) = condition {
        request = request.header("if-match", condition);
    }
    program.send(request).await
}

fn credentials(ufrag: &str) -> String {
    format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:0123456789012345678901\r\n")
}

/// The value of the only line with this beginning.
fn only<'a>(text: &'a str, prefix: &str) -> &'a str {
    let mut found = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let value = found.next().unwrap_or_else(|| panic!("no {prefix} in {text}"));
    assert!(found.next().is_none(), "{prefix} twice in {text}");
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_names_the_ice_session_that_it_means() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let publisher = Client::publisher().await;
    let offer = publisher.offer().await;
    let published = post(&program, &format!("/api/v1/rooms/{room}/whip"), &offer).await;
    let session = location(&published);
    let first = published.headers["etag"].to_str().unwrap().to_owned();
    let status = async |fragment: &str, condition| patch(&program, &session, fragment, condition).await.status;

    // Trickle: with the tag, without a body and without a new tag.
    let trickled = patch(&program, &session, TRICKLE, Some(&first)).await;
    assert_eq!((trickled.status, trickled.headers.get("etag")), (StatusCode::NO_CONTENT, None));
    assert_eq!(status(TRICKLE, Some("*")).await, StatusCode::NO_CONTENT);
    assert_eq!(status(TRICKLE, None).await, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(status(TRICKLE, Some("\"other\"")).await, StatusCode::PRECONDITION_FAILED);
    let weak = format!("W/{first}");
    assert_eq!(status(TRICKLE, Some(&weak)).await, StatusCode::PRECONDITION_FAILED);

    // Restart: new credentials, a new tag, and the session's own ICE attributes once each.
    assert_eq!(status(&credentials("fresh"), None).await, StatusCode::PRECONDITION_REQUIRED);
    let restarted = patch(&program, &session, &credentials("fresh"), Some("*")).await;
    assert_eq!(restarted.status, StatusCode::OK, "{}", restarted.body);
    assert_eq!(restarted.headers["content-type"], "application/trickle-ice-sdpfrag");
    let second = restarted.headers["etag"].to_str().unwrap().to_owned();
    assert_ne!(second, first);
    let (answer, fragment) = (sdp(&published), sdp(&restarted));
    let before = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    assert_ne!(only(&fragment, "a=ice-ufrag:"), before);
    assert_eq!(only(&fragment, "a=ice-pwd:").len(), 24);
    assert_eq!(only(&fragment, "a=mid:"), "0");
    assert_eq!(only(&fragment, "a=group:"), only(&answer, "a=group:"));
    assert!(fragment.contains("a=ice-lite\r\n") && fragment.contains("a=candidate:"), "{fragment}");

    // What was under way for the earlier session is late now.
    assert_eq!(status(TRICKLE, Some(&first)).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(status(&credentials("older"), Some(&first)).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(status(TRICKLE, Some(&second)).await, StatusCode::NO_CONTENT);
    // A restart that cannot be leaves everything as it was.
    assert_eq!(status(&credentials("x"), Some("*")).await, StatusCode::BAD_REQUEST, "too short a fragment");
    assert_eq!(status(TRICKLE, Some(&second)).await, StatusCode::NO_CONTENT);
    assert_eq!(status("nonsense", Some("*")).await, StatusCode::BAD_REQUEST);
    let wrong = program.request(Method::PATCH, &session).header("content-type", "application/sdp").body(TRICKLE);
    assert_eq!(program.send(wrong.header("if-match", "*")).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // DELETE asks for no tag and minds none.
    let end = program.request(Method::DELETE, &session).header("if-match", "\"other\"");
    assert_eq!(program.send(end).await.status, StatusCode::OK);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_answered_whole_or_not_at_all() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let program = hub.token(HOST, &BOTH).await;
    let publisher = Client::publisher().await.offer().await;
    let watcher = Client::watcher().await.offer().await;
    for (way, offer) in [("whip", &publisher), ("whep", &watcher)] {
        let path = format!("/api/v1/rooms/{room}/{way}");
        let made = post(&program, &path, offer).await;
        let session = location(&made);
        assert!(session.starts_with(&format!("{path}/")), "{session}");
        assert_eq!(made.headers["accept-patch"], "application/trickle-ice-sdpfrag");
        assert_eq!(made.headers["content-type"], "application/sdp");
        // Nothing is said of what it is, but that it is there.
        assert_eq!(program.get(&path).await.status, StatusCode::NO_CONTENT);
        assert_eq!(program.get(&session).await.status, StatusCode::NO_CONTENT);
        let put = program.send(program.request(Method::PUT, &path).body("x")).await;
        assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);

        // A codec that nobody forwards: no half session, and no seat that stays.
        let unknown = offer.replace("VP8/90000", "VP7/90000");
        let refused = post(&program, &path, &unknown).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "offer_unsupported"));

        let picky = program.request(Method::POST, &path).header("content-type", "application/sdp");
        let picky = program.send(picky.header("accept", "text/html, application/json;q=0.5").body(offer.clone())).await;
        assert_eq!((picky.status, picky.code()), (StatusCode::NOT_ACCEPTABLE, "not_acceptable"));

        assert_eq!(program.delete(&session).await.status, StatusCode::OK);
        assert_eq!(program.get(&session).await.status, StatusCode::NOT_FOUND);
    }
    let twice = publisher.replacen("m=audio", "m=video", 1);
    let twice = post(&program, &format!("/api/v1/rooms/{room}/whip"), &twice).await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY, "two pictures: {}", twice.body);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_may_come_with_a_token_and_never_with_a_cookie() {
    let hub = TestHub::start().await;
    let room = conference(&hub).await;
    let path = format!("/api/v1/rooms/{room}/whep");
    let stranger = hub.client();
    let preflight = stranger
        .request(Method::OPTIONS, &path)
        .header("origin", "https://player.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let preflight = stranger.send(preflight).await;
    assert_eq!(preflight.status, StatusCode::OK, "without a sign-in");
    assert_eq!(preflight.headers["accept-post"], "application/sdp");
    assert_eq!(preflight.headers["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers.get("access-control-allow-credentials"), None);
    let value = |name: &str| preflight.headers[name].to_str().unwrap().to_owned();
    assert!(value("access-control-allow-methods").contains("POST"));
    assert!(value("access-control-allow-headers").contains("authorization"));
    let session = stranger.request(Method::OPTIONS, &format!("{path}/none"));
    let session = stranger.send(session.header("origin", "https://player.example")).await;
    assert_eq!(session.headers["accept-patch"], "application/trickle-ice-sdpfrag");
    assert!(session.headers["allow"].to_str().unwrap().contains("PATCH"));

    let offer = Client::watcher().await.offer().await;
    let foreign = async |program: &Program| {
        let request = program.request(Method::POST, &path).header("origin", "https://player.example");
        program.send(request.header("content-type", "application/sdp").body(offer.clone())).await
    };
    let program = hub.token(HOST, &BOTH).await;
    location(&post(&program, &path, &offer).await);
    let made = foreign(&program).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.headers["access-control-allow-origin"], "*");
    let exposed = made.headers["access-control-expose-headers"].to_str().unwrap();
    for name in ["location", "etag", "link"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    let signed_in = hub.sign_in(HOST).await;
    let forged = foreign(&signed_in).await;
    assert_eq!((forged.status, forged.code()), (StatusCode::FORBIDDEN, "csrf"));
    assert_eq!(foreign(&stranger).await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}
