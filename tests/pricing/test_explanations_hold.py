"""Whatever is quoted can be explained: no text and no audience breaks what stands beside the price."""

from hypothesis import given

from tests.pricing.strategies import BOOK, NOW, Drawn, audiences, templates
from webapp.pricing import explanations
from webapp.pricing.merge import parse
from webapp.pricing.quotes import price_audience


@given(source=templates(), drawn=audiences())
def test_every_quote_over_several_lists_is_explained(source: str, drawn: Drawn) -> None:
    quote = price_audience(parse(source), drawn.audience, BOOK, NOW)
    told = explanations.dearer(quote)
    assert told.recipients == sum(
        people for segments, people in quote.segments_histogram.items() if segments > told.usual
    )
    assert all(0 < one.recipients <= told.recipients for one in told.causes)
    at_once = explanations.fix_all(quote)
    assert at_once is None or at_once.credits_saved >= 0
    offered = [at_once, explanations.without_emoji(quote), explanations.with_transliteration(quote)]
    for saving in [*offered, *(fix.saving for fix in explanations.fixes(quote))]:
        assert saving is None or saving.credits == quote.credits - saving.credits_saved
    assert all(one.saving.credits_saved > 0 for one in explanations.trims(quote))
