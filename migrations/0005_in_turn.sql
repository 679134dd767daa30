-- What comes one after the other: deliveries of one repository, and the times of schedules.

-- A delivery that had to be put off holds up the later ones of its repository for a while.
CREATE INDEX deliveries_postponed ON deliveries (forge, (event ->> '$.repository.full_name'), id)
  WHERE status = 'received' AND reason IS NOT NULL;

-- Whoever starts what a schedule is due for has it alone until then; also when it is looked at again.
ALTER TABLE schedules ADD COLUMN claimed_until TEXT;

-- Whether the holder of a lease was heard of since it was given: one who claimed and was not begins nothing.
ALTER TABLE timers ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;

DROP TRIGGER journal_apply_schedules;

-- A pipeline's schedules: all of them anew (`schedules_of` names the pipeline), or the next time of one that is still
-- there. Apart, for few changes have any.
CREATE TRIGGER journal_apply_schedules AFTER INSERT ON journal
WHEN instr(NEW.change, '"schedules')
BEGIN
  DELETE FROM schedules WHERE pipeline_id IN (SELECT value FROM json_each(NEW.change, '$.schedules_of'));
  INSERT INTO schedules (id, pipeline_id, cron, timezone, branch, parameters, next_at, last_at, created_at)
    SELECT c.value ->> '$.id', c.value ->> '$.pipeline_id', c.value ->> '$.cron', c.value ->> '$.timezone',
      c.value ->> '$.branch', COALESCE(c.value ->> '$.parameters', '{}'), c.value ->> '$.next_at', c.value ->> '$.last_at', NEW.at
    FROM json_each(NEW.change, '$.schedules') AS c
    WHERE c.value ->> '$.pipeline_id' IN (SELECT value FROM json_each(NEW.change, '$.schedules_of'));
  UPDATE schedules SET next_at = c.value ->> '$.next_at', last_at = c.value ->> '$.last_at', claimed_until = NULL
    FROM json_each(NEW.change, '$.schedules') AS c
    WHERE schedules.id = c.value ->> '$.id';
END;
