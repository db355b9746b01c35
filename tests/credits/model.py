"""The rules of credits once more, as plainly as they can be said: dicts, no SQL, no code of the engine.

The stateful test plays every operation on both and compares. Instants are aware, days are Italian.
"""

import pickle
from calendar import monthrange
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

ITALY = ZoneInfo("Europe/Rome")


class Refusal(Exception):
    """The engine's error that is expected: its name and its numbers."""

    def __init__(self, name, **numbers):
        self.name, self.numbers = name, numbers


def enough(name, asked):
    """Refuses unless each (who, needed, there) finds what it needs."""
    if short := [one for one in asked if one[1] > one[2]]:
        needed, available = sum(one[1] for one in asked), sum(min(one[1:]) for one in asked)
        raise Refusal(name, shortfalls=short, needed=needed, available=available)


def midnight(day):
    return datetime.combine(day, time(), ITALY)


def later(day, months):
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, min(day.day, monthrange(day.year + years, month + 1)[1]))


def share(total, weights):
    """Largest remainder, ties by id."""
    whole = sum(weights.values())
    exact = {key: divmod(total * weight, whole) for key, weight in weights.items()} if whole else {}
    rest = total - sum(quota for quota, _ in exact.values())
    ranked = sorted(exact, key=lambda key: (-exact[key][1], key))
    return {key: exact[key][0] + (key in ranked[:rest]) for key in exact}


class Model:
    def __init__(self):
        self.policy, self.unassigned = "latest_expiry_first", 0
        self.limited, self.lots, self.holds, self.charged = {}, {}, {}, {}

    def copy(self):
        return pickle.loads(pickle.dumps(self))

    def dead(self, lot, now):
        on = self.lots[lot]["on"]
        return on is not None and midnight(on) <= now

    def burn(self, lots):
        def rank(lot):
            on = self.lots[lot]["on"] or date.max
            return (-on.toordinal() if self.policy == "latest_expiry_first" else on.toordinal(), lot)

        return sorted(lots, key=rank)

    def held(self, side):
        """What all holds together hold of each list ("demands") or lot ("slices")."""
        return total((key, left(parts)) for hold in self.holds.values() for key, parts in hold[side].items())

    def view(self, now):
        """What `balance` should say."""
        seen = self.copy()
        seen.expire(now)
        held = seen.held("slices")
        rests = {number: sum(map(left, hold["demands"].values())) for number, hold in seen.holds.items()}
        lots = {lot: (facts["left"], held.get(lot, 0), facts["on"]) for lot, facts in seen.lots.items()}
        return {
            "unassigned": seen.unassigned,
            "limited": seen.limited,
            "held_lists": {key: n for key, n in seen.held("demands").items() if n and key},
            "lots": {lot: told for lot, told in lots.items() if told[0] or told[1]},
            "holds": {number: rest for number, rest in rests.items() if rest},
            "policy": seen.policy,
        }

    def expire(self, now):
        due = {facts["on"] for lot, facts in self.lots.items() if facts["left"] and self.dead(lot, now)}
        for day in sorted(due):
            lots = [lot for lot, facts in self.lots.items() if facts["on"] == day]
            gone = sum(self.lots[lot]["left"] for lot in lots)
            for lot in lots:
                self.lots[lot]["left"] = 0
            first = min(gone, self.unassigned)
            self.unassigned -= first
            for key, part in share(gone - first, self.limited).items():
                self.limited[key] -= part

    def add(self, lot, credits, on):
        self.lots[lot] = {"size": credits, "left": credits, "on": on}
        self.unassigned += credits

    def renew(self, until, now):
        held = self.held("slices")
        for lot, facts in self.lots.items():
            if facts["on"] and not self.dead(lot, now) and (facts["left"] or held.get(lot)):
                facts["on"] = max(facts["on"], until)

    def access(self, wanted):
        """A shortfall tells what the list is to have in all, and could have."""
        had = {key: self.limited.pop(key, 0) for key in wanted}
        more = {key: (amount or 0) - had[key] for key, amount in wanted.items()}
        rest = there = self.unassigned - sum(n for n in more.values() if n < 0)
        short = []
        for key, n in more.items():
            short += [(key, had[key] + n, had[key] + rest)] if n > rest else []
            rest -= min(max(n, 0), rest)
        if short:
            needed = sum(n for n in more.values() if n > 0)
            raise Refusal("InsufficientCredits", shortfalls=short, needed=needed, available=there)
        self.unassigned = rest
        self.limited |= {key: amount for key, amount in wanted.items() if amount is not None}

    def hold(self, number, demands, send_at, now):
        """`number` is told by the engine; nothing is changed when it is refused."""
        wanted, asked, shared = total(demands), [], self.unassigned
        for key, n in wanted.items():
            asked.append((key, n, self.limited.get(key, shared)))
            shared -= 0 if key in self.limited else min(n, shared)
        enough("InsufficientCredits", asked)
        live = [lot for lot, facts in self.lots.items() if facts["left"] and not self.dead(lot, now)]
        usable = {lot: self.lots[lot]["left"] for lot in self.burn(live) if not self.dead(lot, send_at)}
        needed, there = sum(wanted.values()), sum(usable.values())
        if needed > there:
            lost = [(lot, *map(self.lots[lot].get, ("left", "on"))) for lot in self.burn({*live} - {*usable})]
            raise Refusal("CreditsExpireBefore", needed=needed, usable=there, send_at=send_at, expiring=lost)
        self.holds[number] = {"demands": {key: [n, 0, 0] for key, n in wanted.items()}, "slices": {}}
        for lot, there in usable.items():
            self.holds[number]["slices"][lot] = [part := min(needed, there), 0, 0]
            self.lots[lot]["left"] -= part
            needed -= part
        self.unassigned = shared
        self.limited |= {key: self.limited[key] - wanted[key] for key in wanted if key in self.limited}

    def capture(self, number, charges):
        """`charges`: {message: (list, credits)}."""
        fresh = {message: paid for message, paid in charges.items() if message not in self.charged}
        hold = self.holds[number]
        wanted = total(fresh.values())
        if fresh:
            self.check(hold, wanted)
        self.take(hold, wanted, 1, self.burn(hold["slices"]))
        self.charged.update(fresh)
        return sum(wanted.values())

    def check(self, hold, wanted):
        there = {key: left(parts) for key, parts in hold["demands"].items()}
        if not sum(there.values()):
            raise Refusal("HoldAlreadyResolved")
        enough("HoldExceeded", [(key, n, there.get(key, 0)) for key, n in wanted.items()])

    def take(self, hold, wanted, which, lots):
        """Counts amounts as captured (1) or released (2); the answer is how much of which lot."""
        rest, taken = sum(wanted.values()), {}
        for key, credits in wanted.items():
            hold["demands"][key][which] += credits
        for lot in lots:
            part = min(rest, left(hold["slices"][lot]))
            hold["slices"][lot][which] += part
            taken[lot] = part
            rest -= part
        assert not rest
        return taken

    def release(self, number, wanted, now):
        hold = self.holds[number]
        self.check(hold, wanted or {})
        wanted = wanted or {key: left(parts) for key, parts in hold["demands"].items() if left(parts)}
        taken = self.take(hold, wanted, 2, self.burn(hold["slices"])[::-1])
        gone = sum(part for lot, part in taken.items() if self.dead(lot, now))
        for lot, part in taken.items():
            self.lots[lot]["left"] += 0 if self.dead(lot, now) else part
        to_lists = {key: n for key, n in wanted.items() if key in self.limited}
        to_pool = sum(wanted.values()) - sum(to_lists.values())
        lost = share(max(gone - to_pool, 0), to_lists)
        self.unassigned += max(to_pool - gone, 0)
        for key, credits in to_lists.items():
            self.limited[key] += credits - lost.get(key, 0)
        return gone


def left(parts):
    size, captured, released = parts
    return size - captured - released


def total(amounts):
    """{key: sum} of (key, credits)."""
    sums = {}
    for key, credits in amounts:
        sums[key] = sums.get(key, 0) + credits
    return sums
