"""A long history, written straight into the tables: captures of 400 days, with all that belongs to them.

Two thousand campaigns run one after another, five a day, each over every list, as a busy platform's do.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from webapp.db import db

DAYS = 400
CAMPAIGNS = 2000
PART = 250_000

TRANSACTIONS = """
INSERT INTO ledger_transaction (id, platform_id, kind, at, recorded_at, on_day, actor_name, subject_kind,
                                subject_id,
                                hold_id, burn_order, key, request, result)
SELECT :base + n, :platform, 'capture', at, at, at::date, 'system', 'campaign',
       (n - 1)::bigint * :campaigns / :size + 1,
       (:holds)[n % :hold_count + 1], 'latest_expiry_first', 'old' || n, sha256(n::text::bytea), '{}'
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n,
     LATERAL (SELECT :now ::timestamptz - (:size - n) * :step ::interval AS at) AS told
"""
ENTRIES = """
INSERT INTO ledger_entry (platform_id, transaction_id, position, source, target, credits, list_id, hold_id)
SELECT :platform, :base + n, 1, 'hold', 'spent', 1, (:lists)[n % :list_count + 1],
       (:holds)[n % :hold_count + 1]
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
LINES = """
INSERT INTO lot_line (platform_id, transaction_id, position, lot_id, source, target, credits, hold_id)
SELECT :platform, :base + n, 1, :lot, 'held', 'captured', 1, (:holds)[n % :hold_count + 1]
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
CHARGES = """
INSERT INTO charge (message_id, platform_id, transaction_id, list_id, country, segments, credits_per_segment,
                    plugin, plugin_version)
SELECT 9000000000000000 + n, :platform, :base + n, (:lists)[n % :list_count + 1], 'IT', 1, 1, 'bench', '1'
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
USAGE = """
INSERT INTO usage_day (platform_id, on_day, subject_kind, subject_id, list_key, list_id, country, messages,
                       segments, credits)
SELECT moved.platform_id, moved.on_day, 'campaign', moved.subject_id, charge.list_id, charge.list_id, 'IT',
       count(*), count(*), count(*)
FROM ledger_transaction AS moved JOIN charge ON charge.transaction_id = moved.id
WHERE moved.platform_id = :platform AND moved.kind = 'capture'
GROUP BY 1, 2, 4, 5 ORDER BY 2  -- day by day, as captures write it
"""
HOLDS = (
    "UPDATE hold SET captured = captured + :share WHERE id = ANY (:holds)",
    "UPDATE hold_demand SET captured = captured + :share WHERE hold_id = ANY (:holds)",
    "UPDATE hold_slice SET captured = captured + :share WHERE hold_id = ANY (:holds)",
)


def write_history(
    platform: int, lists: Sequence[int], holds: Sequence[int], size: int, now: datetime
) -> None:
    """Commits `size` captures of one credit each. Checks and triggers sleep meanwhile."""
    db.session.execute(text("SET session_replication_role = replica"))
    lot = (
        db.session.execute(text("SELECT lot_id FROM hold_slice WHERE hold_id = :h"), {"h": holds[0]})
        .scalars()
        .first()
    )
    base = db.session.execute(text("SELECT max(id) FROM ledger_transaction")).scalar_one()
    given = {
        "platform": platform,
        "lists": list(lists),
        "list_count": len(lists),
        "holds": list(holds),
        "hold_count": len(holds),
        "lot": lot,
        "base": base,
        "size": size,
        "campaigns": CAMPAIGNS,
        "now": now,
        "step": f"{DAYS * 86400 / size} seconds",
    }
    for first in range(1, size + 1, PART):
        part = {**given, "first": first, "last": min(first + PART - 1, size)}
        for statement in (TRANSACTIONS, ENTRIES, LINES, CHARGES):
            db.session.execute(text(statement), {k: v for k, v in part.items() if f":{k}" in statement})
        db.session.commit()
        db.session.execute(text("SET session_replication_role = replica"))
    db.session.execute(text(USAGE), {"platform": platform})
    for statement in HOLDS:
        db.session.execute(text(statement), {"share": size // len(holds), "holds": list(holds)})
    db.session.execute(text("SELECT setval('ledger_transaction_id_seq', :id)"), {"id": base + size})
    db.session.execute(text("SET session_replication_role = origin"))
    db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
