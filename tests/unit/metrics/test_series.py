from metrics_svc.domain.answers.series import Kind, Total, families_of


def total(measure, stage="", outcome="", model="", *, measured=1, value=0):
    return Total(measure, stage, outcome, model, measured=measured, approximate=0, missing=0, total=value)


def family(name, rows, latest=None):
    return next(one for one in families_of(rows, latest or {}) if one.name == name)


def test_a_counter_adds_up_what_its_labels_do_not_tell_apart():
    rows = [
        total("work", "metadata", "succeeded", "a@1", measured=3, value=2_000_000_000),
        total("work", "metadata", "succeeded", "b@1", measured=2, value=500_000_000),
        total("work", "metadata", "failed", measured=1, value=1),
        total("run", "completed", "succeeded", measured=9),
    ]

    assert {("metadata", "succeeded"): 5, ("metadata", "failed"): 1} == family("heimdex_library_attempts", rows).samples
    assert 2.5 == family("heimdex_library_attempt_seconds", rows).samples["metadata", "succeeded"]
    assert {("succeeded",): 9} == family("heimdex_library_runs", rows).samples


def test_only_failed_runs_are_failures_a_cancelled_one_is_apart():
    rows = [total("run", "metadata", "failed", measured=2), total("run", "metadata", "cancelled", measured=5)]

    assert {("metadata",): 2} == family("heimdex_library_run_failures", rows).samples


def test_a_total_without_labels_is_there_before_anything_happened_and_a_percentile_is_not():
    families = families_of([], {})

    assert {(): 0.0} == next(one for one in families if one.name == "heimdex_library_searches").samples
    assert {} == next(one for one in families if one.name == "heimdex_library_rtf_ratio").samples


def test_a_flood_of_models_becomes_fifty_one_series_with_the_same_sum():
    rows = [total("calls", "transcription", "succeeded", f"m{number}", value=number) for number in range(500)]

    shown = family("heimdex_library_model_calls", rows)

    assert 51 == len(shown.samples)
    assert sum(range(500)) == sum(shown.samples.values())
    assert Kind.COUNTER is shown.kind


def test_what_was_computed_elsewhere_is_shown_by_its_name():
    shown = family("heimdex_library_videos", [], {"heimdex_library_videos": {("ready",): 4.0}})

    assert (("state",), {("ready",): 4.0}) == (shown.labels, shown.samples)
