-- A ledger as the first release makes it: its tables, and four jobs.
PRAGMA application_id = 1416193394;
PRAGMA user_version = 1;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL CHECK (state IN ('PLANNED', 'LEASED', 'HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FINALIZED', 'INDEXED', 'DEDUPED', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED')), ready_at INTEGER,
    owner TEXT, fence INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, planned_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, reason TEXT, artifact TEXT, work_id TEXT NOT NULL, artifact_id TEXT NOT NULL,
    role TEXT NOT NULL, run_id TEXT NOT NULL, work TEXT NOT NULL, result TEXT,
    CHECK (owner IS NULL OR (ready_at IS NOT NULL AND state <> 'PLANNED' AND state NOT IN ('INDEXED', 'DEDUPED', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED'))),
    CHECK (ready_at IS NULL OR state NOT IN ('INDEXED', 'DEDUPED', 'SKIPPED_DUPLICATE'))
) STRICT;
CREATE INDEX jobs_ready ON jobs (ready_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX jobs_held ON jobs (id) WHERE owner IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (state, id) WHERE state IN ('FAILED', 'EXHAUSTED', 'SKIPPED_DUPLICATE');
CREATE TABLE ops (
    job INTEGER NOT NULL REFERENCES jobs (id), key TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('RUNNING', 'DONE', 'FAILED', 'ABANDONED')), fence INTEGER NOT NULL,
    tries INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, context TEXT NOT NULL, result TEXT, error TEXT,
    PRIMARY KEY (job, key), CHECK ((status = 'DONE') = (result IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE candidates (
    job INTEGER NOT NULL REFERENCES jobs (id), url TEXT NOT NULL, source TEXT NOT NULL, detail TEXT NOT NULL, verdict TEXT,
    seen_at INTEGER NOT NULL, PRIMARY KEY (job, url)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, job INTEGER NOT NULL, owner TEXT,
    fence INTEGER NOT NULL, from_state TEXT, to_state TEXT, detail TEXT
) STRICT;
CREATE INDEX events_job ON events (job);
INSERT INTO jobs VALUES (1, '3f5a9217f546493a027353edc110f678dfbe6d9bcdc870186ea79d45eb8c65a0', 'INDEXED', NULL, NULL, 1, 1, 1700000000000, 1700000001000, NULL, '0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b', 'doi:10.5555/released.stored', 'pdf', 'fulltext', '1700000000-0001', '{"input":"10.5555/released.stored","work":{"ids":[{"doi":"10.5555/released.stored"}],"known":{"title":{"value":"Kept Since the First Release","by":"input"},"authors":null,"year":null,"pages":null},"landing_urls":[]}}', '{"work_id":"doi:10.5555/released.stored","input":"10.5555/released.stored","run_id":"1700000000-0001","status":"stored","reason":null,"retry":false,"sha256":"0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b","path":"files/sha256/0f/0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b.pdf","link":"works/10.5555_released.stored.pdf","bytes":55,"pages":1,"url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","version":"published","license":"cc-by","identity":"proven","evidence":"meta citation_pdf_url","tdm_reservation":null,"tdm_policy":null,"tdm_by":null,"x_robots_tag":null,"ids":{"doi":"10.5555/released.stored"},"title":"Kept Since the First Release","year":2019,"ms":812,"trail":[{"event":"attempt","at_ms":310,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","outcome":"success","ms":309,"candidates":[{"url":"http://old.example/a.pdf","version":"published","license":"cc-by","basis":"metadata","evidence":"meta citation_pdf_url"}]},{"event":"acquisition","at_ms":812,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","verdict":"accepted","status":200,"bytes":55,"ms":500,"detail":"its title is the work''s"}]}');
INSERT INTO jobs VALUES (2, '720b343cfd7ccc079c790ceb4b60d838c4c925a1ad963b6472fa51d74c1c6ec8', 'EXHAUSTED', NULL, NULL, 1, 1, 1700000000000, 1700000001000, NULL, NULL, 'doi:10.5555/released.absent', 'pdf', 'fulltext', '1700000000-0001', '{"input":"10.5555/released.absent","work":{"ids":[{"doi":"10.5555/released.absent"}],"known":{"title":{"value":"Absent Since the First Release","by":"input"},"authors":null,"year":null,"pages":null},"landing_urls":[]}}', '{"work_id":"doi:10.5555/released.absent","input":"10.5555/released.absent","run_id":"1700000000-0001","status":"no_copy","reason":"no_candidates","retry":false,"sha256":null,"path":null,"link":null,"bytes":null,"pages":null,"url":null,"final_url":null,"tier":null,"plugin":null,"source":null,"version":null,"license":null,"identity":null,"evidence":null,"tdm_reservation":null,"tdm_policy":null,"tdm_by":null,"x_robots_tag":null,"ids":{"doi":"10.5555/released.absent"},"title":"Absent Since the First Release","year":2019,"ms":812,"trail":[{"event":"attempt","at_ms":20,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","outcome":"no_pdf","ms":19,"detail":"the source has no copy"}]}');
INSERT INTO jobs VALUES (3, '518dfb40996a8628231efe3b49a5ac7ab1af81f5e66cd861c037df398a0a983a', 'FAILED', 1700000061000, NULL, 1, 1, 1700000000000, 1700000001000, 'no_candidates', NULL, 'doi:10.5555/released.failed', 'pdf', 'fulltext', '1700000000-0001', '{"input":"10.5555/released.failed","work":{"ids":[{"doi":"10.5555/released.failed"}],"known":{"title":{"value":"Failing Since the First Release","by":"input"},"authors":null,"year":null,"pages":null},"landing_urls":[]}}', NULL);
INSERT INTO jobs VALUES (4, '3ec48a38c1ee7b85cb92212dbbef3fc7cccf5b3a6c72cdaa8f239457d2967c2a', 'PLANNED', 1700000000000, NULL, 0, 0, 1700000000000, 1700000001000, NULL, NULL, 'doi:10.5555/released.planned', 'pdf', 'fulltext', '1700000000-0001', '{"input":"10.5555/released.planned","work":{"ids":[{"doi":"10.5555/released.planned"}],"known":{"title":{"value":"Planned Since the First Release","by":"input"},"authors":null,"year":null,"pages":null},"landing_urls":[]}}', NULL);
INSERT INTO ops VALUES (1, 'e4ff5c5c600455987872683f9b5aad63ff7f3bacf924293ed7f8c9ca552dfc95', 'FINALIZE', 'DONE', 1, 1, 1700000000800, 1700000000900, '{"sha256":"0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b"}', '{"line":{"work_id":"doi:10.5555/released.stored","input":"10.5555/released.stored","run_id":"1700000000-0001","status":"stored","reason":null,"retry":false,"sha256":"0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b","path":"files/sha256/0f/0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b.pdf","link":"works/10.5555_released.stored.pdf","bytes":55,"pages":1,"url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","version":"published","license":"cc-by","identity":"proven","evidence":"meta citation_pdf_url","tdm_reservation":null,"tdm_policy":null,"tdm_by":null,"x_robots_tag":null,"ids":{"doi":"10.5555/released.stored"},"title":"Kept Since the First Release","year":2019,"ms":812,"trail":[{"event":"acquisition","at_ms":812,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","verdict":"accepted","status":200,"bytes":55,"ms":500,"detail":"its title is the work''s"}]},"duplicate":false}', NULL);
INSERT INTO ops VALUES (1, '658f59909aa5060a7acfc5b97065de7497d9556166bc823f57a56b5608e96164', 'INDEX', 'DONE', 1, 1, 1700000000800, 1700000000900, '{"sha256":"0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b"}', '{"work_id":"doi:10.5555/released.stored","input":"10.5555/released.stored","run_id":"1700000000-0001","status":"stored","reason":null,"retry":false,"sha256":"0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b","path":"files/sha256/0f/0f0ae2977803975dd85fc82ea331ff9366401372adbca87e70ded3e80a09243b.pdf","link":"works/10.5555_released.stored.pdf","bytes":55,"pages":1,"url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","version":"published","license":"cc-by","identity":"proven","evidence":"meta citation_pdf_url","tdm_reservation":null,"tdm_policy":null,"tdm_by":null,"x_robots_tag":null,"ids":{"doi":"10.5555/released.stored"},"title":"Kept Since the First Release","year":2019,"ms":812,"trail":[{"event":"attempt","at_ms":310,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","outcome":"success","ms":309,"candidates":[{"url":"http://old.example/a.pdf","version":"published","license":"cc-by","basis":"metadata","evidence":"meta citation_pdf_url"}]},{"event":"acquisition","at_ms":812,"tier":"landing_scrape","plugin":"landing_scrape","source":"landing_page","url":"http://old.example/a.pdf","final_url":"http://old.example/a.pdf","verdict":"accepted","status":200,"bytes":55,"ms":500,"detail":"its title is the work''s"}]}', NULL);
INSERT INTO candidates VALUES (1, 'http://old.example/a.pdf', 'landing_page', '{"basis":"metadata"}', 'accepted', 1700000000300);
INSERT INTO events VALUES (1, 1700000000000, 'job_planned', 1, NULL, 0, NULL, 'PLANNED', NULL);
CREATE TRIGGER jobs_moves BEFORE UPDATE OF state ON jobs WHEN NOT (CASE OLD.state
    WHEN 'PLANNED' THEN NEW.state IN ('PLANNED', 'LEASED')
    WHEN 'LEASED' THEN NEW.state IN ('LEASED', 'HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED')
    WHEN 'HEAD_DONE' THEN NEW.state IN ('HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED')
    WHEN 'RESUME_OK' THEN NEW.state IN ('RESUME_OK', 'STREAMING', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED')
    WHEN 'STREAMING' THEN NEW.state IN ('STREAMING', 'FINALIZED', 'FAILED', 'SKIPPED_DUPLICATE', 'EXHAUSTED')
    WHEN 'FINALIZED' THEN NEW.state IN ('FINALIZED', 'INDEXED', 'DEDUPED', 'FAILED')
    WHEN 'INDEXED' THEN NEW.state IN ('INDEXED', 'FAILED')
    WHEN 'DEDUPED' THEN NEW.state IN ('DEDUPED', 'FAILED')
    WHEN 'FAILED' THEN NEW.state IN ('FAILED', 'LEASED')
    WHEN 'SKIPPED_DUPLICATE' THEN NEW.state IN ('SKIPPED_DUPLICATE')
    WHEN 'EXHAUSTED' THEN NEW.state IN ('EXHAUSTED', 'LEASED')
    ELSE 1 = 0 END)
BEGIN SELECT RAISE(ABORT, 'a job cannot make this move'); END;
CREATE TRIGGER jobs_fence BEFORE UPDATE OF fence ON jobs WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'a fence never shrinks'); END;
CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs WHEN NEW.state <> 'PLANNED' OR NEW.fence <> 0
BEGIN SELECT RAISE(ABORT, 'a job begins as planned'); END;
