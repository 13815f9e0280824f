//! `kafedra audit verify`: recomputes the journal's chain of hashes and names every row that does not fit.

use super::{Done, Failure};
use crate::app::open_store;
use crate::config::Config;
use crate::store::audit;

pub async fn verify(config: Config) -> Done {
    let store = open_store(&config).await?;
    let report = audit::verify(&store).await;
    store.close().await;
    let report = report?;
    if report.is_intact() {
        println!("{} rows, the chain is intact", report.rows);
        return Ok(());
    }
    for broken in &report.broken {
        println!("school {}, row {}: {:?}", broken.school.as_str(), broken.seq, broken.fault);
    }
    Err(Failure::Work(format!("the journal of {} rows was changed in {} places", report.rows, report.broken.len())))
}
