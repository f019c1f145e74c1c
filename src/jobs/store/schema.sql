CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    idempotency_key TEXT UNIQUE,
    digest TEXT NOT NULL,
    model TEXT NOT NULL,
    techniques TEXT NOT NULL,
    task TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    worker TEXT NOT NULL,
    lease BIGINT NOT NULL,
    fraction DOUBLE PRECISION NOT NULL,
    step BIGINT NOT NULL,
    steps BIGINT NOT NULL,
    created BIGINT NOT NULL,
    started BIGINT,
    taken BIGINT,
    finished BIGINT,
    error_kind TEXT,
    error_code TEXT,
    error_message TEXT,
    version BIGINT NOT NULL,
    picture_version BIGINT NOT NULL
);

CREATE INDEX jobs_by_status ON jobs (status, id);

CREATE INDEX jobs_by_end ON jobs (finished);

CREATE TABLE job_files (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    bytes {bytes},
    error_kind TEXT,
    error_code TEXT,
    error_message TEXT,
    PRIMARY KEY (job, name)
);
