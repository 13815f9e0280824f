//! The one writer: a task that owns the only writing connection and commits many callers' work with one flush to disk.
//!
//! While a commit waits for the disk the next jobs queue up, so the group grows with the load and a lone job never lingers.

use std::any::Any as StdAny;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::access::Touched;
use super::audit::ChainHead;
use super::origin::Origin;
use super::{Backend, StoreError};
use crate::domain::ids::SchoolId;

/// Work that one commit gathers before it is flushed.
const BATCH_TIME: Duration = Duration::from_millis(5);
const BATCH_JOBS: usize = 512;
/// Jobs that may wait; beyond, callers wait up to [`QUEUE_WAIT`] and are then told to try again.
const QUEUE: usize = 4096;
const QUEUE_WAIT: Duration = Duration::from_secs(5);

/// One job's view of the open transaction.
pub struct Tx {
    connection: PoolConnection<Any>,
    backend: Backend,
    /// Heads of the audit chains as this batch has written them; forgotten whenever something is undone.
    pub(super) heads: HashMap<SchoolId, ChainHead>,
    pub(super) touched: Touched,
    /// From where the job at hand was asked for.
    pub(super) origin: Option<Origin>,
}

impl Tx {
    /// The connection inside the transaction. Statements live in `store/` only.
    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }
}

pub(super) struct WriterHandle {
    jobs: mpsc::Sender<Message>,
}

enum Message {
    Job(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Answers the caller once the outcome of the commit is known.
type Ack = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

trait Job: Send {
    /// `Ok`: written, acknowledge after the commit. `Err`: undo, acknowledge at once.
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Result<Ack, Ack>>;
    /// The job was never run.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct TypedJob<F, T, E> {
    job: F,
    origin: Option<Origin>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for TypedJob<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn run<'t>(self: Box<Self>, tx: &'t mut Tx) -> BoxFuture<'t, Result<Ack, Ack>> {
        let Self { job, origin, answer } = *self;
        Box::pin(async move {
            tx.origin = origin;
            // A caller that has gone away does not read the answer: that is fine.
            match AssertUnwindSafe(job(tx)).catch_unwind().await {
                Ok(Ok(value)) => Ok(Box::new(move |committed: Result<(), StoreError>| {
                    let _ = answer.send(committed.map(|()| value).map_err(E::from));
                }) as Ack),
                Ok(Err(error)) => Err(Box::new(move |_| {
                    let _ = answer.send(Err(error));
                }) as Ack),
                Err(panic) => {
                    tracing::error!(panic = panic_text(&*panic), "a write panicked and was undone");
                    Err(Box::new(move |_| {
                        let _ = answer.send(Err(E::from(StoreError::Fault(None))));
                    }) as Ack)
                }
            }
        })
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.answer.send(Err(E::from(error)));
    }
}

fn panic_text(panic: &(dyn StdAny + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}

impl WriterHandle {
    pub(super) async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let message = Message::Job(Box::new(TypedJob { job, origin: Origin::current(), answer }));
        if self.jobs.send_timeout(message, QUEUE_WAIT).await.is_err() {
            return Err(StoreError::Unavailable(None).into());
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(None).into()))
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

pub(super) fn start(backend: Backend, pool: AnyPool) -> WriterHandle {
    let (jobs, queue) = mpsc::channel(QUEUE);
    tokio::spawn(run(backend, pool, queue));
    WriterHandle { jobs }
}

async fn run(backend: Backend, pool: AnyPool, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        let closing = match message {
            Message::Job(job) => batch(backend, &pool, job, &mut queue).await,
            Message::Close(done) => Some(done),
        };
        if let Some(done) = closing {
            queue.close();
            pool.close().await;
            let _ = done.send(());
            return;
        }
    }
    pool.close().await;
}

/// Runs `first` and whatever is queued behind it in one transaction. Gives back a close request met on the way.
async fn batch(
    backend: Backend,
    pool: &AnyPool,
    first: Box<dyn Job>,
    queue: &mut mpsc::Receiver<Message>,
) -> Option<oneshot::Sender<()>> {
    let mut tx = match begin(backend, pool).await {
        Ok(tx) => tx,
        Err(error) => {
            first.refuse(error);
            return None;
        }
    };
    let started = Instant::now();
    let mut acks = Vec::new();
    let mut closing = None;
    let mut next = Some(first);
    let mut broken = None;
    while let Some(job) = next.take() {
        if let Err(error) = run_one(&mut tx, job, &mut acks).await {
            broken = Some(error);
            break;
        }
        if acks.len() < BATCH_JOBS && started.elapsed() < BATCH_TIME {
            match queue.try_recv() {
                Ok(Message::Job(job)) => next = Some(job),
                Ok(Message::Close(done)) => closing = Some(done),
                Err(_) => {}
            }
        }
    }
    if broken.is_none()
        && !acks.is_empty()
        && let Err(error) = tx.raise_marks().await
    {
        broken = Some(error);
    }
    let outcome = match broken {
        None if acks.is_empty() => tx.connection.execute("ROLLBACK").await.map(|_| ()),
        None => tx.connection.execute("COMMIT").await.map(|_| ()),
        Some(error) => Err(error),
    };
    if outcome.is_err() {
        // Nothing of this batch is known to be kept: undo, and do not reuse a connection in an unknown state.
        let _ = tx.connection.execute("ROLLBACK").await;
        tx.connection.close_on_drop();
    }
    let mut outcome = outcome.map_err(StoreError::from);
    for ack in acks {
        match &mut outcome {
            Ok(()) => ack(Ok(())),
            Err(StoreError::Full) => ack(Err(StoreError::Full)),
            Err(StoreError::Conflict) => ack(Err(StoreError::Conflict)),
            Err(error) => {
                tracing::error!(%error, "a group of writes could not be committed");
                ack(Err(StoreError::Unavailable(None)));
            }
        }
    }
    closing
}

async fn begin(backend: Backend, pool: &AnyPool) -> Result<Tx, StoreError> {
    let mut connection = pool.acquire().await?;
    // IMMEDIATE takes SQLite's write lock at once: no deadlock when a read turns into a write.
    let begin = match backend {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN",
    };
    connection.execute(begin).await?;
    Ok(Tx { connection, backend, heads: HashMap::new(), touched: Touched::default(), origin: None })
}

/// `Err`: the whole transaction is lost.
async fn run_one(tx: &mut Tx, job: Box<dyn Job>, acks: &mut Vec<Ack>) -> Result<(), sqlx::Error> {
    if let Err(error) = tx.connection.execute("SAVEPOINT job").await {
        job.refuse(StoreError::Unavailable(None));
        return Err(error);
    }
    match job.run(tx).await {
        Ok(ack) => {
            acks.push(ack);
            tx.connection.execute("RELEASE SAVEPOINT job").await?;
        }
        Err(ack) => {
            tx.heads.clear();
            ack(Ok(()));
            tx.connection.execute("ROLLBACK TO SAVEPOINT job").await?;
            tx.connection.execute("RELEASE SAVEPOINT job").await?;
        }
    }
    Ok(())
}
