-- Each job is updated several times and then deleted: vacuum by 2 % of dead rows, not by 20 %, so that the
-- queue's indexes stay as small as the queue is.
ALTER TABLE core_job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
