-- A runner is given no more jobs than it has slots, whoever gives them at the same time. One that is not registered has
-- no number of slots.
CREATE TRIGGER journal_guard_slots BEFORE INSERT ON journal
WHEN instr(NEW.change, '"slots"')
BEGIN
  SELECT RAISE(ABORT, 'runner is full')
    FROM (SELECT value AS runner_id, count(*) AS given FROM json_each(NEW.change, '$.slots') GROUP BY value) AS s
    JOIN runners AS r ON r.id = s.runner_id
    WHERE s.given + (SELECT count(*) FROM jobs WHERE runner_id = r.id AND status = 'running') > r.capacity;
END;
