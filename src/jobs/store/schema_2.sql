-- Whose a job is, and the trace that it belongs to. Processes of the version before, on the same database, can still add jobs.
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT '';

ALTER TABLE jobs ADD COLUMN traceparent TEXT;

CREATE INDEX jobs_by_owner ON jobs (owner, id);
