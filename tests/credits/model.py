"""The rules of credits once more, as plainly as they can be said: dicts, no SQL, no code of the engine.

The stateful test plays every operation on both and compares. Instants are aware, days are Italian.
"""

from calendar import monthrange
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

ITALY = ZoneInfo("Europe/Rome")


class Refusal(Exception):
    """The name of the engine's error that is expected."""


def midnight(day):
    return datetime.combine(day, time(), ITALY)


def later(day, months):
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


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
        other = Model()
        other.policy, other.unassigned = self.policy, self.unassigned
        other.limited, other.charged = dict(self.limited), dict(self.charged)
        other.lots = {lot: dict(facts) for lot, facts in self.lots.items()}
        other.holds = {
            number: {side: {key: list(parts) for key, parts in hold[side].items()} for side in hold}
            for number, hold in self.holds.items()
        }
        return other

    def dead(self, lot, now):
        on = self.lots[lot]["on"]
        return on is not None and midnight(on) <= now

    def burn(self, lots):
        def rank(lot):
            on = self.lots[lot]["on"] or date.max
            return (-on.toordinal() if self.policy == "latest_expiry_first" else on.toordinal(), lot)

        return sorted(lots, key=rank)

    def view(self, now):
        """What `balance` should say."""
        seen = self.copy()
        seen.expire(now)
        held_lists, held_lots, holds = {}, {}, {}
        for number, hold in seen.holds.items():
            for key, parts in hold["demands"].items():
                held_lists[key] = held_lists.get(key, 0) + left(parts)
            for lot, parts in hold["slices"].items():
                held_lots[lot] = held_lots.get(lot, 0) + left(parts)
            if rest := sum(map(left, hold["demands"].values())):
                holds[number] = rest
        lots = {
            lot: (facts["left"], held_lots.get(lot, 0), facts["on"])
            for lot, facts in seen.lots.items()
            if facts["left"] or held_lots.get(lot)
        }
        return {
            "unassigned": seen.unassigned,
            "limited": seen.limited,
            "held_lists": {key: n for key, n in held_lists.items() if n and key},
            "lots": lots,
            "holds": holds,
            "policy": seen.policy,
        }

    def expire(self, now):
        due = sorted(
            {facts["on"] for lot, facts in self.lots.items() if facts["left"] and self.dead(lot, now)}
        )
        for day in due:
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
        for lot, facts in self.lots.items():
            held = any(left(hold["slices"].get(lot, [0, 0, 0])) for hold in self.holds.values())
            if facts["on"] and not self.dead(lot, now) and (facts["left"] or held):
                facts["on"] = max(facts["on"], until)

    def access(self, wanted):
        freed = sum(self.limited.get(key, 0) for key in wanted)
        needed = sum(amount or 0 for amount in wanted.values())
        if needed > self.unassigned + freed:
            raise Refusal("InsufficientCredits")
        self.unassigned += freed - needed
        for key, amount in wanted.items():
            self.limited.pop(key, None)
            if amount is not None:
                self.limited[key] = amount

    def hold(self, number, demands, send_at, now):
        """`number` is told by the engine; nothing is changed when it is refused."""
        wanted = {}
        for key, credits in demands:
            wanted[key] = wanted.get(key, 0) + credits
        from_pool = sum(credits for key, credits in wanted.items() if key not in self.limited)
        if from_pool > self.unassigned or any(
            n > self.limited[k] for k, n in wanted.items() if k in self.limited
        ):
            raise Refusal("InsufficientCredits")
        rest, slices = sum(wanted.values()), {}
        for lot in self.burn(lot for lot in self.lots if not self.dead(lot, max(now, send_at))):
            part = min(rest, self.lots[lot]["left"])
            if part:
                slices[lot] = [part, 0, 0]
            rest -= part
        if rest:
            raise Refusal("CreditsExpireBefore")
        for lot, parts in slices.items():
            self.lots[lot]["left"] -= parts[0]
        self.unassigned -= from_pool
        for key in wanted.keys() & self.limited.keys():
            self.limited[key] -= wanted[key]
        self.holds[number] = {"demands": {key: [n, 0, 0] for key, n in wanted.items()}, "slices": slices}

    def capture(self, number, charges):
        """`charges`: {message: (list, credits)}."""
        fresh = {message: paid for message, paid in charges.items() if message not in self.charged}
        hold = self.holds[number]
        wanted = self.check(hold, fresh.values()) if fresh else {}
        self.take(hold, wanted, 1, self.burn(hold["slices"]))
        self.charged.update(fresh)
        return sum(wanted.values())

    def check(self, hold, amounts):
        wanted = {}
        for key, credits in amounts:
            wanted[key] = wanted.get(key, 0) + credits
        if not sum(map(left, hold["demands"].values())):
            raise Refusal("HoldAlreadyResolved")
        if any(credits > left(hold["demands"].get(key, [0, 0, 0])) for key, credits in wanted.items()):
            raise Refusal("HoldExceeded")
        return wanted

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
        wanted = self.check(hold, wanted.items() if wanted else ())
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
