//! The contract as a document: OpenAPI 3.1, a page to read it on, and the JSON Schema of the WebSocket's messages.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::ApiState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kafedra",
        description = "Real-time consultation hub for schools. Errors are problem documents (RFC 9457) whose `code` is \
                       one word of a closed list; the WebSocket refuses with the same words.",
        license(name = "AGPL-3.0-or-later")
    ),
    components(schemas(super::problem::Problem))
)]
struct Frame;

/// The document without routes.
pub fn frame() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("sid"))));
    components
        .add_security_scheme("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    document
}

/// The document with all routes.
pub fn document() -> utoipa::openapi::OpenApi {
    super::documented(0).into_openapi()
}

/// JSON Schema of both directions of the WebSocket.
pub fn signaling_schema() -> serde_json::Value {
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kafedra signaling",
        "description": "Text frames of /ws, one JSON object each.",
        "protocol_version": signaling::version::PROTOCOL_VERSION,
        "client": schemars::schema_for!(signaling::message::ClientMessage),
        "server": schemars::schema_for!(signaling::message::ServerMessage),
    })
}

/// The documents as routes. They are made once.
pub fn routes(document: &utoipa::openapi::OpenApi) -> Router<ApiState> {
    let json = |value: serde_json::Value| {
        let text: axum::body::Bytes = value.to_string().into();
        move || {
            let text = text.clone();
            async move { ([(header::CONTENT_TYPE, "application/json")], text).into_response() }
        }
    };
    let page = |kind: &'static str, text: &'static str| {
        move || async move { ([(header::CONTENT_TYPE, kind)], text).into_response() }
    };
    let api = serde_json::to_value(document).expect("the document is plain data");
    Router::new()
        .route("/api/openapi.json", get(json(api)))
        .route("/api/signaling.schema.json", get(json(signaling_schema())))
        .route("/api/docs", get(page("text/html; charset=utf-8", include_str!("docs/index.html"))))
        .route("/api/docs/docs.js", get(page("text/javascript; charset=utf-8", include_str!("docs/docs.js"))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn the_openapi_document_is_the_reviewed_one() {
        let mut document = serde_json::to_value(super::document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        document["info"]["version"] = "version".into();
        insta::with_settings!({ sort_maps => true, prepend_module_to_snapshot => false, snapshot_path => "../../tests/snapshots" }, {
            insta::assert_json_snapshot!("openapi", document);
        });
    }
}
