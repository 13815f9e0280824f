//! JSON Schema of everything that crosses the WebSocket, served by the hub.

use crate::message::{ClientMessage, ServerMessage};

/// `{client, server}`: a schema for each direction.
pub fn schema() -> serde_json::Value {
    serde_json::json!({
        "title": "Kafedra signaling",
        "version": crate::version::PROTOCOL_VERSION,
        "client": schemars::schema_for!(ClientMessage),
        "server": schemars::schema_for!(ServerMessage),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_directions_have_a_schema_of_one_variant_per_message() {
        let schema = super::schema();
        for side in ["client", "server"] {
            assert!(schema[side]["oneOf"].as_array().is_some_and(|variants| variants.len() > 15), "{side}");
        }
    }
}
