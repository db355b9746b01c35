"""The checks of `ledger verify`, in SQL that shares nothing with the engine but the tables.

Each is a query that finds what is wrong: rows of (platform id, what, expected, found). `{of}` stands for a
condition on the platform, or for none.
"""

SIGNED = """
    SELECT platform_id, transaction_id, target AS account, list_id, hold_id, credits FROM ledger_entry
    UNION ALL
    SELECT platform_id, transaction_id, source, list_id, hold_id, -credits FROM ledger_entry
"""

POOL = f"""
WITH told AS (
    SELECT platform_id,
           coalesce(sum(credits) FILTER (WHERE account = 'unassigned'), 0) AS unassigned,
           coalesce(sum(credits) FILTER (WHERE account = 'list'), 0) AS assigned,
           coalesce(-sum(credits) FILTER (WHERE account IN ('purchased', 'granted')), 0) AS received
    FROM ({SIGNED}) AS signed GROUP BY platform_id)
SELECT platform_id, 'credit_pool of platform ' || platform_id || ': unassigned, assigned, received',
       concat_ws(', ', coalesce(told.unassigned, 0), coalesce(told.assigned, 0), coalesce(told.received, 0)),
       concat_ws(', ', pool.unassigned, pool.assigned, pool.received)
FROM credit_pool AS pool FULL JOIN told USING (platform_id)
WHERE (coalesce(told.unassigned, 0), coalesce(told.assigned, 0), coalesce(told.received, 0))
      IS DISTINCT FROM (pool.unassigned, pool.assigned, pool.received) AND {{of}}
"""

LISTS = f"""
WITH told AS (
    SELECT platform_id, list_id, sum(credits) AS assigned FROM ({SIGNED}) AS signed
    WHERE account = 'list' GROUP BY 1, 2),
access AS (
    SELECT DISTINCT ON (change.platform_id, change.list_id) change.platform_id, change.list_id, change.limited
    FROM access_change AS change JOIN ledger_transaction AS moved ON moved.id = change.transaction_id
    ORDER BY change.platform_id, change.list_id, moved.at DESC, moved.id DESC)
SELECT platform_id, 'list_balance of list ' || list_id || ': limited, assigned',
       concat_ws(', ', coalesce(access.limited, false), coalesce(told.assigned, 0)),
       concat_ws(', ', coalesce(balance.limited, false), coalesce(balance.assigned, 0))
FROM list_balance AS balance FULL JOIN told USING (platform_id, list_id) FULL JOIN access USING (platform_id, list_id)
WHERE (coalesce(access.limited, false), coalesce(told.assigned, 0))
      <> (coalesce(balance.limited, false), coalesce(balance.assigned, 0)) AND {{of}}
"""

HOLDS = """
WITH told AS (
    SELECT platform_id, hold_id, coalesce(list_id, 0) AS list_key,
           coalesce(sum(credits) FILTER (WHERE target = 'hold'), 0) AS credits,
           coalesce(sum(credits) FILTER (WHERE source = 'hold' AND target = 'spent'), 0) AS captured,
           coalesce(sum(credits) FILTER (WHERE source = 'hold' AND target <> 'spent'), 0) AS released
    FROM ledger_entry WHERE hold_id IS NOT NULL GROUP BY 1, 2, 3)
SELECT platform_id, 'hold_demand of hold ' || hold_id || ', list ' || list_key || ': credits, captured, released',
       concat_ws(', ', told.credits, told.captured, told.released),
       concat_ws(', ', demand.credits, demand.captured, demand.released)
FROM hold_demand AS demand FULL JOIN told USING (platform_id, hold_id, list_key)
WHERE (demand.credits, demand.captured, demand.released) IS DISTINCT FROM (told.credits, told.captured, told.released)
      AND {of}
"""

FUNDING = """
SELECT demand.platform_id, 'hold_demand of hold ' || demand.hold_id || ', list ' || demand.list_key || ': funding',
       CASE entry.source WHEN 'list' THEN 'assigned' ELSE 'unassigned' END, demand.funding
FROM hold_demand AS demand
JOIN ledger_entry AS entry ON entry.hold_id = demand.hold_id AND entry.target = 'hold'
     AND coalesce(entry.list_id, 0) = demand.list_key
WHERE demand.funding <> CASE entry.source WHEN 'list' THEN 'assigned' ELSE 'unassigned' END AND {of}
"""

SLICES = """
WITH told AS (
    SELECT platform_id, hold_id, lot_id,
           coalesce(sum(credits) FILTER (WHERE target = 'held'), 0) AS credits,
           coalesce(sum(credits) FILTER (WHERE target = 'captured'), 0) AS captured,
           coalesce(sum(credits) FILTER (WHERE source = 'held' AND target <> 'captured'), 0) AS released
    FROM lot_line WHERE hold_id IS NOT NULL GROUP BY 1, 2, 3)
SELECT platform_id, 'hold_slice of hold ' || hold_id || ', lot ' || lot_id || ': credits, captured, released',
       concat_ws(', ', told.credits, told.captured, told.released),
       concat_ws(', ', slice.credits, slice.captured, slice.released)
FROM hold_slice AS slice FULL JOIN told USING (platform_id, hold_id, lot_id)
WHERE (slice.credits, slice.captured, slice.released) IS DISTINCT FROM (told.credits, told.captured, told.released)
      AND {of}
"""

HOLD_SUMS = """
WITH parts AS (
    SELECT platform_id, hold_id, 'demands' AS which, sum(credits) AS credits, sum(captured) AS captured,
           sum(released) AS released FROM hold_demand GROUP BY 1, 2
    UNION ALL
    SELECT platform_id, hold_id, 'slices', sum(credits), sum(captured), sum(released) FROM hold_slice GROUP BY 1, 2)
SELECT platform_id, 'hold ' || hold_id || ' against its ' || which || ': credits, captured, released',
       concat_ws(', ', parts.credits, parts.captured, parts.released),
       concat_ws(', ', whole.credits, whole.captured, whole.released)
FROM (SELECT hold.platform_id, hold.id AS hold_id, which.which, credits, captured, released
      FROM hold CROSS JOIN (VALUES ('demands'), ('slices')) AS which (which)) AS whole
FULL JOIN parts USING (platform_id, hold_id, which)
WHERE (whole.credits, whole.captured, whole.released) IS DISTINCT FROM (parts.credits, parts.captured, parts.released)
      AND {of}
"""

LOTS = """
WITH told AS (
    SELECT platform_id, lot_id,
           coalesce(sum(credits) FILTER (WHERE source = 'origin'), 0) AS credits,
           coalesce(sum(credits) FILTER (WHERE target = 'left'), 0)
               - coalesce(sum(credits) FILTER (WHERE source = 'left'), 0) AS credits_left
    FROM lot_line GROUP BY 1, 2)
SELECT platform_id, 'lot ' || lot_id || ': credits, left', concat_ws(', ', told.credits, told.credits_left),
       concat_ws(', ', lot.credits, lot.credits_left)
FROM (SELECT platform_id, id AS lot_id, credits, credits_left FROM lot) AS lot FULL JOIN told USING (platform_id, lot_id)
WHERE (lot.credits, lot.credits_left) IS DISTINCT FROM (told.credits, told.credits_left) AND {of}
"""

# What a lot began as stands in its transaction, which is sealed: nobody lengthens its life without a trace.
LOT_ORIGINS = """
WITH told AS (
    SELECT line.platform_id, line.lot_id, moved.kind, (moved.result ->> 'expires_on')::date AS first_expires_on,
           moved.at AS created_at
    FROM lot_line AS line JOIN ledger_transaction AS moved ON moved.id = line.transaction_id
    WHERE line.source = 'origin')
SELECT lot.platform_id, 'lot ' || lot.id || ': kind, first expiry day, made at',
       concat_ws(', ', told.kind, told.first_expires_on, told.created_at),
       concat_ws(', ', lot.kind, lot.first_expires_on, lot.created_at)
FROM lot LEFT JOIN told ON told.lot_id = lot.id AND told.platform_id = lot.platform_id
WHERE (lot.kind, lot.first_expires_on, lot.created_at)
      IS DISTINCT FROM (told.kind, told.first_expires_on, told.created_at) AND {of}
"""

# Whom a hold is for stands in the transaction that placed it.
HOLD_ORIGINS = """
WITH told AS (
    SELECT DISTINCT ON (hold_id) platform_id, hold_id, subject_kind, subject_id, at
    FROM ledger_transaction WHERE kind = 'hold' ORDER BY hold_id, id)
SELECT hold.platform_id, 'hold ' || hold.id || ': whom for, placed at',
       concat_ws(', ', told.subject_kind, told.subject_id, told.at),
       concat_ws(', ', hold.subject_kind, hold.subject_id, hold.placed_at)
FROM hold LEFT JOIN told ON told.hold_id = hold.id AND told.platform_id = hold.platform_id
WHERE (hold.subject_kind, hold.subject_id, hold.placed_at)
      IS DISTINCT FROM (told.subject_kind, told.subject_id, told.at) AND {of}
"""

LOT_PARTS = """
WITH held AS (
    SELECT lot_id, sum(credits - captured - released) AS held, sum(captured) AS captured FROM hold_slice GROUP BY 1),
gone AS (
    SELECT lot_id, sum(credits) AS gone FROM lot_line WHERE target IN ('expired', 'adjusted') GROUP BY 1)
SELECT lot.platform_id, 'lot ' || lot.id || ': left + held + captured + expired + adjusted', lot.credits::text,
       (lot.credits_left + coalesce(held.held, 0) + coalesce(held.captured, 0) + coalesce(gone.gone, 0))::text
FROM lot LEFT JOIN held ON held.lot_id = lot.id LEFT JOIN gone ON gone.lot_id = lot.id
WHERE lot.credits <> lot.credits_left + coalesce(held.held, 0) + coalesce(held.captured, 0) + coalesce(gone.gone, 0)
      AND {of}
"""

LOT_DATES = """
WITH told AS (
    SELECT lot.id, greatest(lot.first_expires_on, max(renewal.expires_on)) AS expires_on
    FROM lot LEFT JOIN lot_renewal AS renewal ON renewal.lot_id = lot.id GROUP BY lot.id)
SELECT lot.platform_id, 'lot ' || lot.id || ': expiry day and instant',
       concat_ws(', ', told.expires_on, told.expires_on::timestamp AT TIME ZONE 'Europe/Rome'),
       concat_ws(', ', lot.expires_on, lot.expires_at)
FROM lot JOIN told ON told.id = lot.id
WHERE (lot.expires_on, lot.expires_at)
      IS DISTINCT FROM (told.expires_on, told.expires_on::timestamp AT TIME ZONE 'Europe/Rome') AND {of}
"""

RENEWALS = """
SELECT platform_id, 'lot_renewal of lot ' || lot_id || ' in transaction ' || transaction_id || ': day before',
       coalesce(before_this, first_expires_on)::text, expires_on_before::text
FROM (
    SELECT renewal.*, lot.first_expires_on,
           lag(renewal.expires_on) OVER (PARTITION BY renewal.lot_id ORDER BY moved.at, moved.id) AS before_this
    FROM lot_renewal AS renewal JOIN lot ON lot.id = renewal.lot_id
    JOIN ledger_transaction AS moved ON moved.id = renewal.transaction_id) AS chain
WHERE expires_on_before IS DISTINCT FROM coalesce(before_this, first_expires_on) AND {of}
"""

TWO_PARTITIONS = """
WITH lots AS (SELECT platform_id, sum(credits_left) AS credits FROM lot GROUP BY 1)
SELECT pool.platform_id, 'platform ' || pool.platform_id || ': what the lots have left = unassigned + assigned',
       coalesce(lots.credits, 0)::text, (pool.unassigned + pool.assigned)::text
FROM credit_pool AS pool LEFT JOIN lots USING (platform_id)
WHERE coalesce(lots.credits, 0) <> pool.unassigned + pool.assigned AND {of}
"""

# What an entry does to the lists' side, its transaction's lot lines do to the time side, amount for amount.
LINES_MATCH_ENTRIES = """
WITH sides AS (
    SELECT platform_id, transaction_id,
           CASE WHEN source IN ('purchased', 'granted') THEN 'origin' WHEN source = 'hold' THEN 'held' ELSE 'left' END
               AS source,
           CASE WHEN target IN ('unassigned', 'list') THEN 'left' WHEN target = 'hold' THEN 'held'
                WHEN target = 'spent' THEN 'captured' ELSE target END AS target,
           coalesce(hold_id, 0) AS hold_key, sum(credits) AS credits
    FROM ledger_entry WHERE NOT (source IN ('unassigned', 'list') AND target IN ('unassigned', 'list'))
    GROUP BY 1, 2, 3, 4, 5),
lines AS (
    SELECT platform_id, transaction_id, source, target, coalesce(hold_id, 0) AS hold_key, sum(credits) AS credits
    FROM lot_line GROUP BY 1, 2, 3, 4, 5)
SELECT platform_id, 'lot_line against ledger_entry, transaction ' || transaction_id || ', ' || source || ' to ' || target,
       sides.credits::text, lines.credits::text
FROM sides FULL JOIN lines USING (platform_id, transaction_id, source, target, hold_key)
WHERE sides.credits IS DISTINCT FROM lines.credits AND {of}
"""

PREFIXES = """
WITH change AS (
    SELECT moved.platform_id, moved.id, moved.at, moved.kind, moved.available_after,
           coalesce(sum(entry.credits) FILTER (WHERE entry.target IN ('unassigned', 'list')), 0)
               - coalesce(sum(entry.credits) FILTER (WHERE entry.source IN ('unassigned', 'list')), 0) AS credits
    FROM ledger_transaction AS moved LEFT JOIN ledger_entry AS entry ON entry.transaction_id = moved.id
    GROUP BY moved.id),
running AS (
    SELECT *, sum(credits) OVER (PARTITION BY platform_id ORDER BY at, id) AS available FROM change)
SELECT platform_id, 'ledger_transaction ' || id || ': available after it', available::text, available_after::text
FROM running
WHERE (CASE WHEN kind = 'capture' THEN available_after IS NOT NULL OR credits <> 0
            ELSE available_after IS DISTINCT FROM available END OR available < 0) AND {of}
"""

CHARGES = """
WITH told AS (
    SELECT platform_id, transaction_id, coalesce(list_id, 0) AS list_key, sum(segments * credits_per_segment) AS credits
    FROM charge GROUP BY 1, 2, 3),
entries AS (
    SELECT platform_id, transaction_id, coalesce(list_id, 0) AS list_key, sum(credits) AS credits
    FROM ledger_entry WHERE target = 'spent' GROUP BY 1, 2, 3)
SELECT platform_id, 'charge in transaction ' || transaction_id || ', list ' || list_key, entries.credits::text,
       told.credits::text
FROM told FULL JOIN entries USING (platform_id, transaction_id, list_key)
WHERE told.credits IS DISTINCT FROM entries.credits AND {of}
"""

USAGE = """
WITH told AS (
    SELECT charge.platform_id, moved.on_day, moved.subject_kind, moved.subject_id,
           coalesce(charge.list_id, 0) AS list_key, charge.country, count(*) AS messages,
           sum(charge.segments) AS segments, sum(charge.segments * charge.credits_per_segment) AS credits
    FROM charge JOIN ledger_transaction AS moved ON moved.id = charge.transaction_id GROUP BY 1, 2, 3, 4, 5, 6)
SELECT platform_id, concat_ws(' ', 'usage_day of', on_day, subject_kind, subject_id, 'list', list_key, country)
           || ': messages, segments, credits',
       concat_ws(', ', told.messages, told.segments, told.credits),
       concat_ws(', ', used.messages, used.segments, used.credits)
FROM usage_day AS used FULL JOIN told USING (platform_id, on_day, subject_kind, subject_id, list_key, country)
WHERE (used.messages, used.segments, used.credits) IS DISTINCT FROM (told.messages, told.segments, told.credits)
      AND {of}
"""

# Each transaction is counted with the first checkpoint after it; what was before that adds up along the line.
CHECKPOINTS = f"""
WITH moved AS (
    SELECT platform_id, id, (
        SELECT min(checkpoint.at) FROM balance_checkpoint AS checkpoint
        WHERE checkpoint.platform_id = ledger_transaction.platform_id AND checkpoint.at >= ledger_transaction.at) AS at
    FROM ledger_transaction),
lists AS (
    SELECT moved.platform_id, moved.at, sum(credits) FILTER (WHERE account = 'unassigned') AS unassigned,
           sum(credits) FILTER (WHERE account = 'list') AS assigned, sum(credits) FILTER (WHERE account = 'hold') AS held
    FROM moved JOIN ({SIGNED}) AS signed ON signed.transaction_id = moved.id WHERE moved.at IS NOT NULL GROUP BY 1, 2),
lots AS (
    SELECT moved.platform_id, moved.at, sum(credits * ((target = 'left')::int - (source = 'left')::int)) AS lots,
           sum(credits * ((target = 'held')::int - (source = 'held')::int)) AS held_lots
    FROM moved JOIN lot_line ON lot_line.transaction_id = moved.id WHERE moved.at IS NOT NULL GROUP BY 1, 2),
told AS (
    SELECT platform_id, at, coalesce(sum(unassigned) OVER ordered, 0) AS unassigned,
           coalesce(sum(assigned) OVER ordered, 0) AS assigned, coalesce(sum(held) OVER ordered, 0) AS held,
           coalesce(sum(lots) OVER ordered, 0) AS lots, coalesce(sum(held_lots) OVER ordered, 0) AS held_lots
    FROM balance_checkpoint LEFT JOIN lists USING (platform_id, at) LEFT JOIN lots USING (platform_id, at)
    WINDOW ordered AS (PARTITION BY platform_id ORDER BY at)),
kept AS (
    SELECT platform_id, at, (state ->> 'unassigned')::numeric AS unassigned,
           (SELECT coalesce(sum(value::numeric), 0) FROM jsonb_each_text(state -> 'limited')) AS assigned,
           (SELECT coalesce(sum(amount.value::numeric), 0) FROM jsonb_each(state -> 'held_lists') AS hold,
                   jsonb_each_text(hold.value) AS amount) AS held,
           (SELECT coalesce(sum(value::numeric), 0) FROM jsonb_each_text(state -> 'lots')) AS lots,
           (SELECT coalesce(sum(amount.value::numeric), 0) FROM jsonb_each(state -> 'held_lots') AS hold,
                   jsonb_each_text(hold.value) AS amount) AS held_lots
    FROM balance_checkpoint)
SELECT platform_id, 'balance_checkpoint at ' || at || ': unassigned, assigned, held, left in lots, held of lots',
       concat_ws(', ', told.unassigned, told.assigned, told.held, told.lots, told.held_lots),
       concat_ws(', ', kept.unassigned, kept.assigned, kept.held, kept.lots, kept.held_lots)
FROM told JOIN kept USING (platform_id, at)
WHERE (told.unassigned, told.assigned, told.held, told.lots, told.held_lots)
      IS DISTINCT FROM (kept.unassigned, kept.assigned, kept.held, kept.lots, kept.held_lots) AND {{of}}
"""

ORPHANS = """
WITH parts AS (
    SELECT 'ledger_entry' AS part, platform_id, transaction_id FROM ledger_entry
    UNION SELECT 'lot_line', platform_id, transaction_id FROM lot_line
    UNION SELECT 'lot_renewal', platform_id, transaction_id FROM lot_renewal
    UNION SELECT 'access_change', platform_id, transaction_id FROM access_change
    UNION SELECT 'charge', platform_id, transaction_id FROM charge)
SELECT parts.platform_id, parts.part || ' of transaction ' || parts.transaction_id || ': its ledger_transaction',
       parts.transaction_id::text, NULL
FROM parts LEFT JOIN ledger_transaction AS moved
     ON moved.id = parts.transaction_id AND moved.platform_id = parts.platform_id
WHERE moved.id IS NULL AND {of}
"""

CHECKS = {
    "orphans": ORPHANS,
    "pool": POOL,
    "lists": LISTS,
    "holds": HOLDS,
    "funding": FUNDING,
    "slices": SLICES,
    "hold sums": HOLD_SUMS,
    "lots": LOTS,
    "lot origins": LOT_ORIGINS,
    "hold origins": HOLD_ORIGINS,
    "lot parts": LOT_PARTS,
    "lot dates": LOT_DATES,
    "renewals": RENEWALS,
    "two partitions": TWO_PARTITIONS,
    "lot lines": LINES_MATCH_ENTRIES,
    "prefixes": PREFIXES,
    "charges": CHARGES,
    "usage": USAGE,
    "checkpoints": CHECKPOINTS,
}

# The text of a transaction as `sealing.py` defines it, and the hash of each block over them, told anew.
BLOCKS = """
WITH member AS (
    SELECT block.id AS block_id, moved.id, false AS late FROM ledger_block AS block
    JOIN ledger_transaction AS moved ON moved.id BETWEEN block.from_id AND block.until_id
         AND moved.id <> ALL (block.missing)
    UNION ALL
    SELECT block.id, moved.id, true FROM ledger_block AS block CROSS JOIN unnest(block.late) AS late (id)
    JOIN ledger_transaction AS moved ON moved.id = late.id),
line AS (
    SELECT id AS transaction_id, 0 AS part, 0::bigint AS place,
           concat_ws('|', id, platform_id, kind, (extract(epoch FROM at) * 1000000)::bigint,
               (extract(epoch FROM recorded_at) * 1000000)::bigint, coalesce(on_day::text, ''),
               coalesce(actor_id::text, ''), encode(convert_to(actor_name, 'UTF8'), 'hex'),
               coalesce(subject_kind, ''), coalesce(subject_id::text, ''), coalesce(hold_id::text, ''),
               coalesce(encode(convert_to(reason, 'UTF8'), 'hex'), ''), burn_order,
               coalesce(available_after::text, ''), coalesce(encode(convert_to(key, 'UTF8'), 'hex'), ''),
               coalesce(encode(request, 'hex'), ''), encode(convert_to(result::text, 'UTF8'), 'hex')) AS text
    FROM ledger_transaction
    UNION ALL
    SELECT transaction_id, 1, position, concat_ws('|', 'e', position, source, target, credits,
        coalesce(list_id::text, ''), coalesce(hold_id::text, '')) FROM ledger_entry
    UNION ALL
    SELECT transaction_id, 2, position, concat_ws('|', 'l', position, lot_id, source, target, credits,
        coalesce(hold_id::text, '')) FROM lot_line
    UNION ALL
    SELECT transaction_id, 3, lot_id, concat_ws('|', 'r', lot_id, expires_on_before, expires_on) FROM lot_renewal
    UNION ALL
    SELECT transaction_id, 4, list_id, concat_ws('|', 'a', list_id, limited::text) FROM access_change
    UNION ALL
    SELECT transaction_id, 5, message_id, concat_ws('|', 'c', message_id, coalesce(list_id::text, ''), country, segments,
        credits_per_segment, encode(convert_to(plugin, 'UTF8'), 'hex'),
        encode(convert_to(plugin_version, 'UTF8'), 'hex')) FROM charge),
digest AS (
    SELECT transaction_id,
           sha256(convert_to(string_agg(text, E'\\n' ORDER BY part, place), 'UTF8')) AS digest
    FROM line GROUP BY transaction_id),
told AS (
    SELECT block_id, count(*) AS transactions, string_agg(digest, ''::bytea ORDER BY late, id) AS digests
    FROM member JOIN digest ON digest.transaction_id = member.id GROUP BY block_id),
chain AS (
    SELECT block.*, lag(id) OVER ordered AS id_before, lag(hash) OVER ordered AS hash_before,
           lag(until_id) OVER ordered AS until_before
    FROM ledger_block AS block WINDOW ordered AS (ORDER BY id))
SELECT NULL::bigint,
       'ledger_block ' || chain.id || CASE
           WHEN chain.id <> coalesce(id_before, 0) + 1 THEN ': the block before it was removed'
           WHEN previous <> coalesce(hash_before, decode(repeat('00', 32), 'hex'))
                OR from_id <> coalesce(until_before, 0) + 1 THEN ': it does not follow the block before it'
           ELSE ': its transactions were edited, removed or reordered' END,
       encode(sha256(previous || coalesce(told.digests, ''::bytea)), 'hex'), encode(hash, 'hex')
FROM chain LEFT JOIN told ON told.block_id = chain.id
WHERE chain.id <> coalesce(id_before, 0) + 1
   OR previous <> coalesce(hash_before, decode(repeat('00', 32), 'hex'))
   OR from_id <> coalesce(until_before, 0) + 1
   OR chain.transactions IS DISTINCT FROM coalesce(told.transactions, 0)
   OR hash <> sha256(previous || coalesce(told.digests, ''::bytea))
ORDER BY chain.id LIMIT 1
"""
