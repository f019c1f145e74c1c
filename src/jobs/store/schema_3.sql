-- The version of its job in which a file was last put, so that events tell only what is new.
ALTER TABLE job_files ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
