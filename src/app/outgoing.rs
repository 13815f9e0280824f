//! The ways out of the hub, made from the configuration: letters, pushes, webhooks, and what `api` needs of them.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc};

use super::AppError;
use crate::api::{MayCall, SendMail};
use crate::clock::WallClock;
use crate::config::Config;
use crate::domain::ids::PersonId;
use crate::notify::NotifyHandle;
use crate::notify::driver::Notifier;
use crate::notify::mail::{Mail, Mailer};
use crate::notify::outside::Fence;
use crate::notify::push::Vapid;
use crate::store::Store;

/// Notices told to open pages that lag this far behind: they look themselves then.
const TOLD: usize = 4096;

/// Everything that sends.
pub struct Outgoing {
    pub told: broadcast::Sender<PersonId>,
    mailer: Option<Mailer>,
    vapid: Arc<Vapid>,
    push: Fence,
    webhooks: Fence,
    handle: NotifyHandle,
}

impl Outgoing {
    /// Reads the configuration; the key pair of pushes is made on the first start.
    ///
    /// # Errors
    /// [`AppError::Mail`] for what cannot be used, [`AppError::Store`].
    pub async fn new(config: &Config, store: &Store, now_ms: i64) -> Result<(Self, mpsc::Receiver<()>), AppError> {
        let school = store.schools().await.map_err(AppError::Store)?.into_iter().next();
        let name = school.map_or_else(|| "Кафедра".to_owned(), |school| school.short_name);
        let mailer = Mailer::new(&config.notify, &name).map_err(AppError::Mail)?;
        let contact = if config.notify.mail_from.is_empty() {
            config.public_url()
        } else {
            format!("mailto:{}", config.notify.mail_from)
        };
        let stored = store.hub_secret("vapid", Vapid::fresh(), now_ms).await.map_err(AppError::Store)?;
        let vapid = match Vapid::read(&stored, contact.clone()) {
            Some(vapid) => vapid,
            None => {
                tracing::error!("the stored key pair of pushes is unreadable: pushes of this run will not be taken");
                Vapid::read(&Vapid::fresh(), contact).expect("a key pair made here is readable")
            }
        };
        let fence =
            |hosts: &[String]| Fence { hosts: hosts.to_vec(), private_addresses: config.notify.private_addresses };
        let (handle, poked) = NotifyHandle::new();
        let outgoing = Self {
            told: broadcast::channel(TOLD).0,
            mailer,
            vapid: Arc::new(vapid),
            push: fence(&config.notify.push_hosts),
            webhooks: fence(&config.notify.webhook_hosts),
            handle,
        };
        Ok((outgoing, poked))
    }

    pub fn notifier(&self, config: &Config, store: &Store, clock: &WallClock) -> Notifier {
        Notifier {
            store: store.clone(),
            clock: clock.clone(),
            mailer: self.mailer.clone(),
            vapid: self.vapid.clone(),
            push: self.push.clone(),
            webhooks: self.webhooks.clone(),
            public_url: config.public_url(),
            told: self.told.clone(),
        }
    }

    /// For the code that proves an address.
    pub fn send_mail(&self) -> Option<SendMail> {
        let mailer = self.mailer.clone()?;
        Some(Box::new(move |to, subject, text| {
            let mailer = mailer.clone();
            Box::pin(async move {
                let mail = Mail { to, subject, text, id: uuid::Uuid::now_v7().to_string() };
                mailer.send(&mail).await.map_err(Into::into)
            })
        }))
    }

    pub fn push_key(&self) -> Option<String> {
        (!self.push.hosts.is_empty()).then(|| self.vapid.public_key())
    }

    pub fn may_push_to(&self) -> MayCall {
        let fence = self.push.clone();
        Box::new(move |url| fence.check(url).is_ok())
    }

    pub fn may_call(&self) -> MayCall {
        let fence = self.webhooks.clone();
        Box::new(move |url| fence.check(url).is_ok())
    }

    pub fn poke(&self) -> Box<dyn Fn() + Send + Sync> {
        let handle = self.handle.clone();
        Box::new(move || handle.poke())
    }
}
