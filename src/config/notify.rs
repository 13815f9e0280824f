//! `[notify]`: the ways by which notices leave the hub. All are off until they are set up; in the app notices always are.

use serde::{Deserialize, Serialize};

use super::secret::Secret;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// SMTP server; empty: no e-mail.
    pub smtp_host: String,
    pub smtp_port: u16,
    pub smtp_tls: SmtpTls,
    /// Empty: without a sign-in.
    pub smtp_user: String,
    /// By environment or file only.
    pub smtp_password: Secret,
    /// File that holds the password.
    pub smtp_password_file: String,
    /// Sender of letters: `kafedra@school.example`.
    pub mail_from: String,
    /// Push services that browsers may name (`fcm.googleapis.com`, `*.push.services.mozilla.com`); empty: no push.
    pub push_hosts: Vec<String>,
    /// Hosts that webhooks may name; empty: no webhooks.
    pub webhook_hosts: Vec<String>,
    /// Whether those hosts may have addresses that are not public.
    pub private_addresses: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Plain first, then encrypted; refused when the server cannot.
    #[default]
    Starttls,
    /// Encrypted from the first byte.
    Tls,
    /// Never: for a server on the same machine.
    None,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            smtp_host: String::new(),
            smtp_port: 587,
            smtp_tls: SmtpTls::Starttls,
            smtp_user: String::new(),
            smtp_password: Secret::default(),
            smtp_password_file: String::new(),
            mail_from: String::new(),
            push_hosts: Vec::new(),
            webhook_hosts: Vec::new(),
            private_addresses: false,
        }
    }
}
