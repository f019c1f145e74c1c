//! Tests of [`super`] on SQLite; `tests/jobs/` has those on PostgreSQL.

use super::*;
use crate::{
    error::Kind,
    explain::{ActivationMaximization, Format},
    jobs::{Failure, Id, Shown, Status, Task},
    runtime::Progress,
};

const LONG: Duration = Duration::from_mins(1);

async fn insert(store: &Store, picture: &[u8]) -> Result<Id> {
    let task = Task::maximize("m", ActivationMaximization::default());
    store
        .insert(
            &NewJob { task: &task, picture: Some(picture), owner: "", traceparent: None, key: None, digest: "" },
            10,
        )
        .await
}

/// Lets a lease of no length end.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[tokio::test]
async fn a_store_in_memory_outlives_its_connections() {
    let store = Store::new("memory");
    let id = insert(&store, b"picture").await.unwrap();
    let connection = store.open().await.unwrap().pool.acquire().await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(store.get(&id).await.unwrap().status, Status::Queued);
    let other = Store::new("memory");
    assert_eq!(other.get(&id).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_job_is_one_workers_until_its_lease_ends_and_ends_once() {
    let store = Store::new("memory");
    let id = insert(&store, b"picture").await.unwrap();
    let slow = store.claim("a", LONG).await.unwrap().unwrap();
    assert_eq!((&slow.id, slow.attempt), (&id, 1));
    assert_eq!(store.claim("b", LONG).await.unwrap(), None);
    let halfway = Progress { fraction: 0.5, step: 2, steps: 4 };
    assert_eq!(store.renew(&slow, Duration::ZERO, halfway).await.unwrap(), Lease::Held);
    assert_eq!(store.get(&id).await.unwrap().progress, halfway);
    a_moment().await;
    let quick = store.claim("b", LONG).await.unwrap().unwrap();
    assert_eq!((&quick.id, quick.attempt), (&id, 2));
    assert_eq!(store.input(&id).await.unwrap(), b"picture");

    // Whoever wakes up late can do no harm.
    assert_eq!(store.renew(&slow, LONG, Progress::default()).await.unwrap(), Lease::Lost);
    let done = |text: &str| Outcome::Succeeded(vec![(Format::Json, Ok(text.into()))]);
    assert!(!store.finish(&slow, &done("slow")).await.unwrap());
    store.release(&slow).await.unwrap();
    assert_eq!(store.get(&id).await.unwrap().status, Status::Running);
    assert!(store.finish(&quick, &done("quick")).await.unwrap());
    assert!(!store.finish(&quick, &done("twice")).await.unwrap());
    assert_eq!(store.result(&id, Format::Json).await.unwrap(), Some(Ok(b"quick".to_vec())));
    assert_eq!(store.formats(&id).await.unwrap(), [Format::Json]);
    assert!(store.input(&id).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_result_cannot_be_written_as_has_its_own_reason() {
    let store = Store::new("memory");
    let id = insert(&store, b"").await.unwrap();
    let claim = store.claim("a", LONG).await.unwrap().unwrap();
    let refusal = Error::unprocessable("too_large", "too large a picture");
    let files = vec![(Format::Json, Ok(b"{}".to_vec())), (Format::Png, Err(refusal))];
    store.finish(&claim, &Outcome::Succeeded(files)).await.unwrap();
    assert_eq!(store.formats(&id).await.unwrap(), [Format::Json, Format::Png]);
    let failure = store.result(&id, Format::Png).await.unwrap().unwrap().unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (Kind::Unprocessable, "too_large"));
    assert_eq!(store.result(&id, Format::Npy).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_begun_three_times_is_given_up_and_a_cancelled_one_not_begun_again() {
    let store = Store::new("memory");
    let poisoned = insert(&store, b"").await.unwrap();
    for attempt in 1..=3 {
        let claim = store.claim("a", Duration::ZERO).await.unwrap().unwrap();
        assert_eq!((&claim.id, claim.attempt), (&poisoned, attempt));
        a_moment().await;
    }
    assert_eq!(store.claim("a", LONG).await.unwrap(), None);
    let unwanted = insert(&store, b"").await.unwrap();
    let claim = store.claim("a", LONG).await.unwrap().unwrap();
    assert_eq!(store.cancel(&unwanted).await.map(|job| job.status.is_final()), Ok(false));
    assert_eq!(store.renew(&claim, Duration::ZERO, Progress::default()).await.unwrap(), Lease::Cancelled);
    a_moment().await;
    assert_eq!(store.claim("b", LONG).await.unwrap(), None);
    store.give_up().await.unwrap();
    let failure = store.get(&poisoned).await.unwrap().failure.unwrap();
    assert_eq!((failure.kind, failure.code.as_str()), (Kind::Internal, "worker_crashed"));
    assert_eq!(store.get(&unwanted).await.unwrap().status, Status::Cancelled);
}

#[tokio::test]
async fn a_job_that_is_given_back_was_not_begun() {
    let store = Store::new("memory");
    let id = insert(&store, b"").await.unwrap();
    let claim = store.claim("a", LONG).await.unwrap().unwrap();
    let picture = Shown::Picture(b"png".to_vec());
    store.show(&claim, &picture).await.unwrap();
    assert_eq!(store.shown(&id, 0).await.unwrap(), [picture]);
    store.release(&claim).await.unwrap();
    assert_eq!(store.get(&id).await.map(|job| (job.status, job.attempts)), Ok((Status::Queued, 0)));
    assert_eq!(store.claim("b", LONG).await.unwrap().unwrap().attempt, 1);
}

#[tokio::test]
async fn what_is_shown_is_told_once_and_thrown_away_at_the_end() {
    let store = Store::new("memory");
    let id = insert(&store, b"").await.unwrap();
    let claim = store.claim("a", LONG).await.unwrap().unwrap();
    let explanation =
        |technique: &str, json: &str| Shown::Explanation { technique: technique.into(), json: json.into() };
    store.show(&claim, &explanation("saliency", "1")).await.unwrap();
    store.show(&claim, &explanation("occlusion", "2")).await.unwrap();
    let job = store.get(&id).await.unwrap();
    assert_eq!(job.shown_version, job.version);
    let both = [explanation("saliency", "1"), explanation("occlusion", "2")];
    assert_eq!(store.shown(&id, 0).await.unwrap(), both);
    store.show(&claim, &explanation("occlusion", "3")).await.unwrap();
    assert_eq!(store.shown(&id, job.version).await.unwrap(), [explanation("occlusion", "3")]);
    store.finish(&claim, &Outcome::Succeeded(vec![(Format::Json, Ok(b"{}".to_vec()))])).await.unwrap();
    assert!(store.shown(&id, 0).await.unwrap().is_empty());
    assert!(store.result(&id, Format::Json).await.unwrap().is_some());
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_one_and_takes_no_half_job() {
    let store = Store::new("memory");
    store.check().await.unwrap();
    let pool = &store.open().await.unwrap().pool;
    sqlx::raw_sql("PRAGMA max_page_count = 30").execute(pool).await.unwrap();
    let error = insert(&store, &vec![0; 1 << 20]).await.unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Unavailable, "jobs_unavailable"));
    assert!(error.message.contains("the disk of jobs.store is full"), "{error}");
    assert!(store.list(&Listing { limit: 9, ..Listing::default() }).await.unwrap().is_empty());
    sqlx::raw_sql("PRAGMA max_page_count = 3000").execute(pool).await.unwrap();
    let id = insert(&store, &vec![0; 1 << 20]).await.unwrap();
    let failure = Failure { kind: Kind::Unprocessable, code: "code".into(), message: "message".into() };
    let claim = store.claim("a", LONG).await.unwrap().unwrap();
    store.finish(&claim, &Outcome::Failed(failure.clone())).await.unwrap();
    assert_eq!(store.get(&id).await.unwrap().failure, Some(failure));
}

#[test]
fn a_place_is_a_file_a_database_or_memory() {
    assert_eq!(address("sqlite:jobs.db").unwrap().0, "sqlite:jobs.db?mode=rwc");
    assert_eq!(address("postgres://u:p@h/d").unwrap().1, Dialect::Postgres);
    for bad in ["", "sqlite:", "jobs.db", "mysql://u:secret@h/d"] {
        let error = address(bad).unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Setup, "invalid_store"), "{bad}");
        assert!(!error.message.contains("secret"));
    }
}
