"""What was confirmed stays confirmed: segment profiles kept under the hash of their content."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from webapp.campaigns.models import PinnedProfile
from webapp.db import db
from webapp.pricing.profiles import Profile, profile_of
from webapp.pricing.stored import profiles_from_json, profiles_to_json


def pin_profiles(profiles: Iterable[Profile]) -> dict[Profile, str]:
    """Keeps each profile once, whoever pinned it before; the key of each."""
    content = {profile: profiles_to_json([profile.source]) for profile in dict.fromkeys(profiles)}
    keys = {profile: key_of(stored) for profile, stored in content.items()}
    if keys:
        rows = [{"key": key, "profile": content[profile]} for profile, key in keys.items()]
        db.session.execute(insert(PinnedProfile).on_conflict_do_nothing(), rows)
    return keys


def key_of(content: Mapping[str, object]) -> str:
    """The SHA-256 of the content, in hexadecimal."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_remembered: dict[str, Profile] = {}
MOST_REMEMBERED = 256


def pinned_profile(key: str) -> Profile:
    """The profile under this key. What is stored under a key never changes, so it is read once."""
    if key not in _remembered:
        content = db.session.scalars(select(PinnedProfile.profile).where(PinnedProfile.key == key)).one()
        (profile,) = profiles_from_json(content)
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = profile_of(profile)
    return _remembered[key]
