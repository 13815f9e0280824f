//! `[server]`: the HTTP listener and how the outside sees it.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port of HTTP and WebSocket. Loopback by default: a browser gives camera and microphone only to
    /// localhost or to https, so a hub for other machines stands behind a proxy that does TLS.
    pub listen: SocketAddr,
    /// What people type. Decides the Secure flag of cookies and which Origin may open a WebSocket.
    pub public_url: String,
    /// Further origins that may call the API with a cookie, for example `https://other.school.example`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed, as addresses. Login limits count by client address.
    pub trusted_proxies: Vec<String>,
    /// Connections at once; 0 takes the limit of open files less 500 and what media over TCP may take.
    pub max_connections: u32,
    /// Largest request body, bytes, but for imports.
    pub max_body_bytes: u32,
    /// Largest file of an import, bytes.
    pub max_import_bytes: u32,
    /// Seconds that running requests and sockets get after SIGTERM.
    pub shutdown_grace_s: u32,
    /// Folder with the web client, instead of the one inside the binary.
    pub web_dir: PathBuf,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_connections: 0,
            max_body_bytes: 256 << 10,
            max_import_bytes: 32 << 20,
            shutdown_grace_s: 5,
            web_dir: PathBuf::new(),
        }
    }
}
