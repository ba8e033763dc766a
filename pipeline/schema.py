"""The tables of the session log, and how a file of an older version becomes one of this version.

Version 1:

- `sessions`: one row per start of the program on some inputs: when, by what (`kind`), with which engine, model, settings and
  program version. `state` is running, finished or interrupted; `owner` names the lock that its process holds while it runs.
- `inputs`: what a session reads, in order (`position`). An input that was broken off and is done again gets a further row with
  the next `attempt`; the rows of the attempt before stay until the new one is complete. `best_inputs` picks, per position, the
  attempt that counts: the finished one, or the one that got furthest. `frames`, `observations`, `persons` and `last_time_s`
  stand for what is committed. `fingerprint` is a hash, NULL for what cannot be read a second time (cameras, streams).
- `sources`: the names that an input's frames carry: one for a film, one per picture for a folder.
- `observations`: one row per face and frame, `n` counting from 0 within its input. Boxes are pixels x1 y1 x2 y2 of the full
  frame, `media_time_s` seconds in the source, `wall_time_s` Unix time, `raw_age` the engine's estimate of this very frame (NULL
  where it was not asked), `age` `low` `high` the person's age and 90 % interval up to this frame (NULL before the first one).

Version 2 adds who is who. Observations keep the numbers that were shown in their frame; these tables say what came out later:

- `person_joins`: the program's own corrections: rows of `person` on `track` belong to `into_person`. Track 0 stands for all
  tracks without a line of their own; such lines may form a chain (7 is 5, 5 is 2), a line with a track is the last word.
- `person_ages`: the age of a person at the end, by all that was seen of them; with a track, by that track alone. `evidence` is
  the effective number of frames behind it. Where there is none, the last age among the observations counts.
- `person_edits`: what the user changed, in order: see `pipeline.edits`. `other` is the person that another one is merged into,
  or the new person of a track that is split off.

Version 3 has two more kinds of edits: who is not blurred (`exempt`), and who is again (`blur`).

No picture, no embedding, no face landmarks, no folder name and no credential is ever in it: persons are numbers, and have names
only where the user typed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

APPLICATION_ID = 0x41474C4E
"""ASCII "AGLN" in the file's header: what tells a session log from any other SQLite file."""

SCHEMA_V1 = (
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        started_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
        owner TEXT,
        engine TEXT NOT NULL,
        model TEXT NOT NULL,
        app_version TEXT NOT NULL,
        settings TEXT NOT NULL,
        fingerprint TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE inputs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        name TEXT NOT NULL,
        fingerprint TEXT,
        state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'finished', 'stopped', 'failed', 'interrupted')),
        live INTEGER NOT NULL DEFAULT 0,
        width INTEGER NOT NULL DEFAULT 0,
        height INTEGER NOT NULL DEFAULT 0,
        fps REAL,
        duration_s REAL,
        frames INTEGER NOT NULL DEFAULT 0,
        observations INTEGER NOT NULL DEFAULT 0,
        persons INTEGER NOT NULL DEFAULT 0,
        last_time_s REAL,
        UNIQUE (session_id, position, attempt)
    )
    """,
    "CREATE INDEX inputs_by_fingerprint ON inputs (fingerprint)",
    """
    CREATE TABLE sources (
        input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (input_id, number)
    ) WITHOUT ROWID
    """,
    # Clustered by input and in order of writing: no second index to keep up, and one range to read, copy or delete.
    """
    CREATE TABLE observations (
        input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
        n INTEGER NOT NULL,
        source INTEGER NOT NULL,
        media_time_s REAL NOT NULL,
        wall_time_s REAL NOT NULL,
        frame INTEGER NOT NULL,
        person INTEGER NOT NULL,
        track INTEGER NOT NULL,
        x1 REAL NOT NULL,
        y1 REAL NOT NULL,
        x2 REAL NOT NULL,
        y2 REAL NOT NULL,
        score REAL NOT NULL,
        quality REAL NOT NULL,
        raw_age REAL,
        age REAL,
        low REAL,
        high REAL,
        engine TEXT NOT NULL,
        PRIMARY KEY (input_id, n)
    ) WITHOUT ROWID
    """,
    """
    CREATE VIEW best_inputs AS
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY session_id, position ORDER BY state = 'finished' DESC, frames DESC, attempt DESC
        ) AS place
        FROM inputs
    )
    WHERE place = 1
    """,
)

SCHEMA_V2 = (
    """
    CREATE TABLE person_joins (
        input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
        person INTEGER NOT NULL,
        track INTEGER NOT NULL,
        into_person INTEGER NOT NULL,
        PRIMARY KEY (input_id, person, track)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE person_ages (
        input_id INTEGER NOT NULL REFERENCES inputs (id) ON DELETE CASCADE,
        person INTEGER NOT NULL,
        track INTEGER NOT NULL,
        age REAL NOT NULL,
        low REAL NOT NULL,
        high REAL NOT NULL,
        evidence REAL NOT NULL,
        PRIMARY KEY (input_id, person, track)
    ) WITHOUT ROWID
    """,
    # AUTOINCREMENT: an edit that is taken back must not give its number to the next one.
    """
    CREATE TABLE person_edits (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        made_at REAL NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('rename', 'merge', 'split', 'hide', 'show')),
        person INTEGER NOT NULL,
        track INTEGER,
        other INTEGER,
        name TEXT
    )
    """,
    "CREATE INDEX person_edits_by_session ON person_edits (session_id)",
)

# SQLite cannot change a CHECK: the table is made anew.
SCHEMA_V3 = (
    "ALTER TABLE person_edits RENAME TO person_edits_2",
    """
    CREATE TABLE person_edits (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        made_at REAL NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('rename', 'merge', 'split', 'hide', 'show', 'exempt', 'blur')),
        person INTEGER NOT NULL,
        track INTEGER,
        other INTEGER,
        name TEXT
    )
    """,
    "INSERT INTO person_edits SELECT id, session_id, made_at, kind, person, track, other, name FROM person_edits_2",
    "DROP TABLE person_edits_2",
    "CREATE INDEX person_edits_by_session ON person_edits (session_id)",
)

MIGRATIONS: Mapping[int, Sequence[str]] = {0: SCHEMA_V1, 1: SCHEMA_V2, 2: SCHEMA_V3}
"""From each version the statements that lead to the next one; version 0 is an empty file."""

SCHEMA_VERSION = max(MIGRATIONS) + 1
