from metrics_svc.domain.answers import series
from metrics_svc.domain.audit.comparison import Cell, Way
from metrics_svc.domain.audit.scraped import COUNTERS, GAUGES, compare_view, counters_of, gauges_of

TOTALS = (
    series.Total("run", "completed", "succeeded", "", 5, 1, 0, 0),
    series.Total("run", "metadata", "failed", "", 2, 0, 0, 0),
    series.Total("processing", "completed", "succeeded", "", 5, 0, 1, 60_000_000_000),
    series.Total("work", "metadata", "succeeded", "a@1", 3, 0, 1, 2_500_000_000),
    series.Total("work", "metadata", "succeeded", "b@1", 1, 0, 0, 500_000_000),
    series.Total("calls", "metadata", "succeeded", "a@1", 3, 0, 0, 12),
    series.Total("search", "", "succeeded", "", 9, 0, 1, 90_000_000),
    series.Total("upload", "", "failed", "", 1, 0, 0, 5),
)
ANSWERS = {
    "performance/latency": {Cell("p50_processing_ms"): 1500.0, Cell("p95_queue_ms"): None, Cell("measured"): 3},
    "performance/rtf": {Cell("p99_rtf"): 0.25},
    "timeseries/latency": {
        Cell.of("series.p50_ms", {"processing_stage": "metadata"}): 20.0,
        Cell.of("series.p50_ms", {"processing_stage": "total"}): 1500.0,
        Cell.of("series.data.p50_ms", {"processing_stage": "metadata", "day": "2026-11-20"}): 20.0,
    },
    "timeseries/search-quality": {Cell("p95_ms"): 10.0, Cell.of("data.p95_ms", {"day": "2026-11-20"}): 10.0},
}


def view_of(totals):
    """What the exposition makes of totals, in the form of a scrape: the other way to the same numbers."""
    return {
        (f"{family.name}_total", tuple(sorted(zip(family.labels, values, strict=True)))): value
        for family in series.families_of(totals, {})
        for values, value in family.samples.items()
    }


def test_the_table_names_every_counter_and_every_percentile_that_the_view_has():
    families = series.families_of((), {})
    counters = {f"{one.name}_total" for one in families if one.kind is series.Kind.COUNTER}

    assert set(COUNTERS) == counters
    assert set(GAUGES) == {one.name for one in families if "quantile" in one.labels}


def test_both_ways_to_the_counters_agree():
    compared = compare_view(counters_of(TOTALS), [view_of(TOTALS), view_of(TOTALS)])

    assert compared.differences == ()
    assert compared.checks[0].compared == len(view_of(TOTALS)) == 12


def test_both_ways_agree_on_more_models_than_are_shown_apart():
    many = [series.Total("calls", "x", "succeeded", f"m{number}", 1, 0, 0, number) for number in range(80)]

    assert compare_view(counters_of(many), [view_of(many)]).differences == ()


def test_a_counter_that_is_wrong_is_named():
    shown = view_of(TOTALS)
    key = ("heimdex_library_attempts_total", (("outcome", "succeeded"), ("stage", "metadata")))
    shown[key] += 1
    (difference,) = compare_view(counters_of(TOTALS), [shown, shown]).differences

    assert (difference.answer, difference.cell) == ("metrics", Cell(*key))
    assert difference.values == {Way.PROMETHEUS: 6, Way.RAW: 5}
    assert difference.relative_error == 0.2


def test_a_counter_that_is_not_shown_is_named_unless_it_counted_nothing():
    shown = view_of(TOTALS)
    del shown["heimdex_library_runs_total", (("outcome", "failed"),)]
    del shown["heimdex_library_empty_searches_total", ()]
    (difference,) = compare_view(counters_of(TOTALS), [shown]).differences

    assert difference.cell == Cell("heimdex_library_runs_total", (("outcome", "failed"),))


def test_a_number_that_moved_meanwhile_may_be_anything_between():
    before, after = view_of(TOTALS[:1]), view_of(TOTALS)

    assert compare_view(counters_of(TOTALS[:4]), [before, after]).differences == ()
    assert compare_view(counters_of(TOTALS), [before, before]).differences != ()


def test_a_view_that_shows_nothing_of_ours_is_not_compared():
    compared = compare_view(counters_of(TOTALS), [{("python_info", ()): 1.0}, {}])

    assert (compared.checks[0].compared, compared.differences) == (0, ())


def test_percentiles_of_today_are_compared_in_seconds_and_only_of_what_is_known():
    true = gauges_of(ANSWERS)

    assert true == {
        ("heimdex_library_processing_latency_seconds", (("quantile", "0.5"),)): 1.5,
        ("heimdex_library_rtf_ratio", (("quantile", "0.99"),)): 0.25,
        ("heimdex_library_stage_latency_seconds", (("quantile", "0.5"), ("stage", "metadata"))): 0.02,
        ("heimdex_library_search_latency_seconds", (("quantile", "0.95"),)): 0.01,
    }
    near, far = ({key: value * factor for key, value in true.items()} for factor in (1.004, 1.006))
    assert compare_view(true, [near, near]).differences == ()
    assert len(compare_view(true, [far, far]).differences) == 4


def test_a_percentile_that_is_shown_and_known_to_nobody_is_named():
    key = ("heimdex_library_queue_latency_seconds", (("quantile", "0.5"),))
    (difference,) = compare_view({}, [{key: 1.0}]).differences

    assert difference.cell == Cell(*key)
    assert difference.relative_error is None
