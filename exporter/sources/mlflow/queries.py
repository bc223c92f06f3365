"""The SQL that reads an MLflow database; all revisions since MLflow 1 have these columns."""

from __future__ import annotations

EXPERIMENTS = """
    SELECT CAST(experiment_id AS TEXT), name FROM experiments WHERE lifecycle_stage = 'active'
"""

RUNNING = """
    SELECT run_uuid, name, CAST(experiment_id AS TEXT), user_id, status, start_time, end_time,
           lifecycle_stage
    FROM runs
    WHERE lifecycle_stage = 'active' AND status = 'RUNNING' AND start_time > :after
      AND CAST(experiment_id AS TEXT) IN (SELECT value FROM json_each(:experiments))
    ORDER BY start_time, run_uuid
"""

ENDED = """
    SELECT run_uuid, name, CAST(experiment_id AS TEXT), user_id, status, start_time, end_time,
           lifecycle_stage
    FROM runs
    WHERE lifecycle_stage = 'active' AND status <> 'RUNNING' AND end_time > :after
      AND CAST(experiment_id AS TEXT) IN (SELECT value FROM json_each(:experiments))
    ORDER BY start_time, run_uuid
"""

BY_IDS = """
    SELECT run_uuid, name, CAST(experiment_id AS TEXT), user_id, status, start_time, end_time,
           lifecycle_stage
    FROM runs
    WHERE run_uuid IN (SELECT value FROM json_each(:ids))
      AND CAST(experiment_id AS TEXT) IN (SELECT value FROM json_each(:experiments))
    ORDER BY start_time, run_uuid
"""

LATEST = """
    SELECT run_uuid, key, step, timestamp, value, is_nan FROM latest_metrics
    WHERE run_uuid IN (SELECT value FROM json_each(:ids))
"""

PARAMS = """
    SELECT run_uuid, key, value FROM params
    WHERE run_uuid IN (SELECT value FROM json_each(:ids))
"""

TAGS = """
    SELECT run_uuid, key, value FROM tags
    WHERE run_uuid IN (SELECT value FROM json_each(:ids))
"""

POINTS = """
    SELECT step, timestamp, value, is_nan FROM metrics
    WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
    ORDER BY step, timestamp LIMIT :limit
"""

LAST_POINTS = """
    SELECT step, timestamp, value, is_nan FROM metrics
    WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
    ORDER BY step DESC, timestamp DESC LIMIT :limit
"""

NEW_POINTS = """
    SELECT step, timestamp, value, is_nan FROM metrics
    WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
      AND timestamp >= :after
    ORDER BY timestamp, step LIMIT :limit
"""

SAMPLE = """
    SELECT step, timestamp, value, is_nan FROM (
        SELECT step, timestamp, value, is_nan,
               row_number() OVER (ORDER BY step, timestamp) AS place, count(*) OVER () AS total
        FROM metrics
        WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
    )
    WHERE place % (total / :rows + 1) = 0 OR place = 1 OR place = total
    ORDER BY step, timestamp
"""

LOWEST_NEWER = """
    SELECT min(step) FROM metrics
    WHERE run_uuid = :run_id AND key = :key AND step BETWEEN :first AND :last
      AND timestamp > :after
"""
