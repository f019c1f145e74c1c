//! Several processes on one PostgreSQL, behind a proxy; and what they do while it is away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{AnyPool, Row};

use super::{
    PATIENCE, Process, SHORT, accepted, ended,
    events::Events,
    get, job,
    postgres::{Cluster, Proxy, free_port},
    running,
};
use crate::http::{MODEL, json as answered, png, refused, stop_sign};

/// About a second of work.
const MEDIUM: &str = "activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=200";
/// Work that the database is stopped in the middle of.
const LONG: &str = "activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=1500";
/// How many jobs go through the proxy.
const JOBS: usize = 40;

/// Writes down each time that a job succeeds, whoever says so.
const WITNESS: &str = "CREATE TABLE successes (job TEXT NOT NULL);
    CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO successes VALUES (NEW.id); RETURN NEW; END';
    CREATE TRIGGER witness AFTER UPDATE ON jobs FOR EACH ROW
        WHEN (NEW.status = 'succeeded' AND OLD.status <> 'succeeded') EXECUTE FUNCTION witness();";

fn start(listen: &str, store: &str) -> Process {
    Process::start_at(listen, &[("GLASSBOX_JOBS__STORE", store), ("GLASSBOX_JOBS__LEASE", "2")])
}

async fn connect(url: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    let start = Instant::now();
    loop {
        match AnyPool::connect(url).await {
            Ok(pool) => return pool,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn number(pool: &AnyPool, query: &'static str) -> i64 {
    sqlx::query(query).fetch_one(pool).await.unwrap().try_get(0).unwrap()
}

/// Reads the events of `path` through whichever replica answers, until the job has ended; the job, and how often the stream broke.
async fn listen(address: String, path: String) -> (Value, usize) {
    let (mut last, mut breaks) = (None, 0);
    loop {
        let response = get(&address, &path).await;
        if response.status() == 200 {
            let mut events = Events::open(&address, &path, last).await;
            while let Some(event) = events.next().await {
                last = event.id.or(last);
                if event.name == "end" {
                    return (event.data, breaks);
                }
            }
            breaks += 1;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn all_jobs_succeed_once_though_a_replica_is_killed_twice() {
    let Some(mut cluster) = Cluster::make() else { return };
    cluster.start();
    let url = cluster.url();
    let pool = connect(&url).await;
    let [first, second] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let (mut killed, _kept) = (start(&first, &url), start(&second, &url));
    let Some(proxy) = Proxy::start(&[&first, &second]) else { return };
    // The tables are made when the first job comes in.
    let warm = accepted(job(&proxy.address, SHORT)).await;
    ended(&proxy.address, &warm).await;
    sqlx::raw_sql(WITNESS).execute(&pool).await.unwrap();

    let mut paths = Vec::new();
    for number in 0..JOBS {
        let request = job(&proxy.address, MEDIUM).header("idempotency-key", number.to_string());
        paths.push(accepted(request).await);
    }
    let listener = tokio::spawn(listen(proxy.address.clone(), paths[JOBS - 1].clone()));
    for successes in [4, 12] {
        let start = Instant::now();
        while number(&pool, "SELECT COUNT(*) FROM successes").await < successes {
            assert!(start.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        killed.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        killed = self::start(&first, &url);
    }
    for path in &paths {
        let done = ended(&proxy.address, path).await;
        assert_eq!(done["status"], "succeeded", "{done}");
        assert_eq!(get(&proxy.address, &format!("{path}/result")).await.status(), 200);
    }
    let (end, breaks) = tokio::time::timeout(PATIENCE, listener).await.unwrap().unwrap();
    assert_eq!(end["status"], "succeeded");
    assert_eq!(number(&pool, "SELECT COUNT(*) FROM successes").await, JOBS as i64);
    assert_eq!(number(&pool, "SELECT COUNT(DISTINCT job) FROM successes").await, JOBS as i64);
    let again = number(&pool, "SELECT COUNT(*) FROM jobs WHERE attempts > 1").await;
    println!("{again} jobs were taken up again, and the events' stream broke {breaks} times");
    assert!(again >= 1, "no replica was killed in the middle of a job");
    pool.close().await;
}

#[tokio::test]
async fn while_the_database_is_away_calls_in_line_go_on_and_jobs_wait_for_it() {
    let Some(mut cluster) = Cluster::make() else { return };
    let url = cluster.url();
    let process = Process::start(&[("GLASSBOX_JOBS__STORE", &url)]);
    let client = reqwest::Client::new();
    let predict = || client.post(format!("http://{}{MODEL}/predict", process.address)).body(png(stop_sign()));

    // It need not be there at the start.
    let detail = refused(job(&process.address, SHORT), 503, "jobs_unavailable").await;
    assert!(detail.contains("cannot be reached") && !detail.contains("glassbox@"), "{detail}");
    answered(predict()).await;
    cluster.start();
    let path = loop {
        let response = job(&process.address, LONG).send().await.unwrap();
        if response.status() == 202 {
            break crate::http::header(&response, "location").to_owned();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };

    running(&process.address, &path).await;
    cluster.stop();
    refused(job(&process.address, SHORT), 503, "jobs_unavailable").await;
    answered(predict()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.start();
    connect(&url).await.close().await;
    let done = ended(&process.address, &path).await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
}

#[tokio::test]
async fn a_database_is_spoken_to_in_private_and_must_be_the_right_one() {
    let Some(mut cluster) = Cluster::make() else { return };
    let certificate = cluster.certify();
    cluster.start();
    let stranger = Cluster::make().unwrap();
    let store =
        |root: &std::path::Path| format!("{}?sslmode=verify-full&sslrootcert={}", cluster.url(), root.display());

    let process = Process::start(&[("GLASSBOX_JOBS__STORE", &store(&certificate))]);
    let path = accepted(job(&process.address, SHORT)).await;
    assert_eq!(ended(&process.address, &path).await["status"], "succeeded");
    let pool = connect(&cluster.url()).await;
    let private =
        "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename = 'glassbox'";
    assert!(number(&pool, private).await >= 1);

    let deceived = Process::start(&[("GLASSBOX_JOBS__STORE", &store(&stranger.certify()))]);
    refused(job(&deceived.address, SHORT), 503, "jobs_unavailable").await;
}
