"""gRPC codes and HTTP statuses, request headers, settings, ranges: the small tables."""

import grpc
import pytest

from gateway.domain.request_context import call_metadata, parse_grpc_timeout
from gateway.domain.request_metrics import RequestMetrics
from gateway.domain.status_map import HTTP_BY_CODE, Code, Problem, http_status
from gateway.media import ByteRange, parse_range
from gateway.settings import SettingsError, read_settings
from gateway.uploads import parse_tus_metadata


def test_every_grpc_code_has_an_http_status():
    assert {code.value[0] for code in grpc.StatusCode} == set(HTTP_BY_CODE)
    assert tuple(map(http_status, (Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED, 1, 77))) == (401, 429, 499, 500)


@pytest.mark.parametrize(("text", "seconds"), [("1H", 3600), ("2M", 120), ("3S", 3), ("250m", 0.25), ("5u", 5e-6)])
def test_a_grpc_timeout_is_read_in_its_unit(text, seconds):
    assert seconds == pytest.approx(parse_grpc_timeout(text))


@pytest.mark.parametrize("text", ["", "5", "S", "-1S", "123456789S", "1.5S", "1s"])
def test_a_malformed_grpc_timeout_is_refused(text):
    with pytest.raises(Problem):
        parse_grpc_timeout(text)


def test_a_header_that_grpc_can_not_carry_is_refused():
    with pytest.raises(Problem, match="authorization"):
        call_metadata({"authorization": "Bearer é"})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", ByteRange(0, 100)),
        ("bytes=10-19", ByteRange(10, 20)),
        ("bytes=90-500", ByteRange(90, 100)),
        ("bytes=-5", ByteRange(95, 100)),
        ("bytes=-500", ByteRange(0, 100)),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
    ],
)
def test_a_range_is_half_open_and_cut_to_the_object(header, expected):
    assert expected == parse_range(header, 100)


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_416(header):
    with pytest.raises(Problem) as caught:
        parse_range(header, 100)

    assert (caught.value.http_status, caught.value.headers) == (416, (("Content-Range", "bytes */100"),))


def test_tus_metadata_is_decoded_and_unknown_keys_are_dropped():
    found = parse_tus_metadata("filename w6kubXA0,filetype dmlkZW8vbXA0, other eA==,title")

    assert found == {"filename": "é.mp4", "mime_type": "video/mp4", "title": ""}
    with pytest.raises(Problem):
        parse_tus_metadata("filename !!!")


def test_flags_win_over_the_environment():
    environment = {
        "HEIMDEX_DESCRIPTOR_SET": "a",
        "HEIMDEX_HTTP_ADDR": "127.0.0.1:1",
        "HEIMDEX_INGEST_ADDR": "127.0.0.1:2",
    }

    found = read_settings(["--listen", "127.0.0.1:9", "--route", "p.v1=h:3", "--json-names", "proto"], environment)

    assert (str(found.descriptor_set), found.listen.port, found.proto_names) == ("a", 9, True)
    assert found.backends == (("heimdex.ingest.v1", "127.0.0.1:2"), ("p.v1", "h:3"))


def test_all_faulty_settings_are_reported_together():
    with pytest.raises(SettingsError) as caught:
        read_settings(["--listen", "nowhere", "--route", "x"], {"HEIMDEX_INDEX_ADDR": "y"})

    assert [line.split()[0] for line in str(caught.value).split("\n") if not line.startswith("x ")] == [
        "--descriptor-set",
        "--listen",
        "--route",
        "heimdex.index.v1",
    ]


def test_latency_buckets_are_cumulative_and_labels_bounded():
    metrics = RequestMetrics()
    metrics.observe("/v1/{x}", "GET", 200, 0.003)
    metrics.observe("/v1/{x}", "BREW", 404, 99)

    text = metrics.exposition().decode()

    assert 'requests_total{route="/v1/{x}",method="other",code_class="4xx"} 1' in text
    assert 'bucket{route="/v1/{x}",le="0.005"} 1' in text
    assert 'bucket{route="/v1/{x}",le="+Inf"} 2' in text
