"""The pages of reports, as their readers open them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.personas import sign_in
from tests.reports.scenes import HTMX, grant, make_list, send

NOW = datetime.now(UTC)


@pytest.fixture
def scene(platform):
    """Two lists, two campaigns and messages without a list: 100 + 30 + 8 credits."""
    grant(platform, 10_000, now=NOW - timedelta(days=40))
    shop, vip = make_list(platform, "Shop"), make_list(platform, "VIP")
    spring = send(platform, "Spring sale", [(shop, "IT", 40, 1, 2), (vip, "DE", 10, 2, 1)], now=NOW)
    autumn = send(platform, "Autumn", [(shop, "FR", 10, 1, 3), (None, "IT", 4, 1, 2)], now=NOW)
    return {"shop": shop.id, "vip": vip.id, "spring": spring.id, "autumn": autumn.id}


def test_smoke(client, viewer, scene):
    sign_in(client, viewer)
    for url in (
        "/reports",
        f"/reports/lists/{scene['shop']}",
        f"/reports/lists/{scene['shop']}/campaigns/{scene['spring']}",
        "/reports/lists/none",
        f"/reports/lists/none/campaigns/{scene['autumn']}",
    ):
        for headers in ({}, HTMX):
            answer = client.get(url, headers=headers)
            assert answer.status_code == 200, answer.text
