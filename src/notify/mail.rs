//! Letters over any SMTP server.

use std::time::Duration;

use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::SendError;
use crate::config::notify::{Notify, SmtpTls};

/// A server that takes longer is tried again later.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A letter. The text is plain: nothing in it can act.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    /// The same for every try of one letter, so that a mailbox can tell a second copy.
    pub id: String,
}

/// A way to the server; cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    school: String,
}

/// Why letters cannot go out at all.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error("notify.mail_from is not an address")]
    From(#[source] lettre::address::AddressError),
    #[error("TLS to the SMTP server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

impl Mailer {
    /// `None`: no server is set.
    ///
    /// # Errors
    /// What in the configuration cannot be used.
    pub fn new(config: &Notify, school: &str) -> Result<Option<Self>, MailerError> {
        if config.smtp_host.is_empty() {
            return Ok(None);
        }
        let address = config.mail_from.parse().map_err(MailerError::From)?;
        let host = config.smtp_host.as_str();
        let tls = || TlsParameters::new(host.to_owned()).map_err(MailerError::Tls);
        let tls = match config.smtp_tls {
            SmtpTls::Starttls => Tls::Required(tls()?),
            SmtpTls::Tls => Tls::Wrapper(tls()?),
            SmtpTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(config.smtp_port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if !config.smtp_user.is_empty() {
            let password = config.smtp_password.expose().to_owned();
            builder = builder.credentials(Credentials::new(config.smtp_user.clone(), password));
        }
        Ok(Some(Self { transport: builder.build(), from: Mailbox::new(None, address), school: school.to_owned() }))
    }

    /// Makes one try.
    ///
    /// # Errors
    /// What the server's answer or silence means.
    pub async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let never = |error: &dyn std::fmt::Display| SendError::Never(error.to_string());
        let to = mail.to.parse().map_err(|error: lettre::address::AddressError| never(&error))?;
        let domain = self.from.email.domain();
        let from = Mailbox::new(Some(self.school.clone()), self.from.email.clone());
        let message = Message::builder()
            .from(from)
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            // RFC 3834: nobody's holiday note shall answer.
            .raw_header(header::HeaderValue::new(
                header::HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(header::ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| never(&error))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(never(&error)),
            Err(error) => Err(SendError::Later(error.to_string())),
        }
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Mailer(***)")
    }
}
