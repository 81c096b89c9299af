"""`?format=` over real sockets, with a service that is not ours."""

import shutil

import httpx
import pytest
from google.protobuf import message_factory

from gateway.routes import RouteTableError, load_routes, read_descriptor_set
from tests.support.gateway_lab import ROOT, build_descriptor_set, running_backend, serving

TABLE_PROTO = "heimdex/common/v1/table.proto"
HEADER = """
syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "heimdex/common/v1/table.proto";
"""
SHOP = (
    HEADER
    + """
service Shop {
  rpc List(Question) returns (Answer) {
    option (google.api.http) = {get: "/v1/shop/{name}/orders-v2" additional_bindings {get: "/v1/orders"}};
    option (heimdex.common.v1.rendered_by) = "shop.v1.Shop.Render";
  }
  rpc Refused(Question) returns (Answer) {
    option (google.api.http) = {get: "/v1/refused"};
    option (heimdex.common.v1.rendered_by) = "shop.v1.Shop.Render";
  }
  rpc Untyped(Question) returns (Answer) {
    option (google.api.http) = {get: "/v1/untyped"};
    option (heimdex.common.v1.rendered_by) = "shop.v1.Shop.Render";
  }
  rpc Plain(Question) returns (Answer) {
    option (google.api.http) = {get: "/v1/plain"};
  }
  rpc Own(Formatted) returns (Formatted) {
    option (google.api.http) = {get: "/v1/own"};
    option (heimdex.common.v1.rendered_by) = "shop.v1.Shop.Render";
  }
  rpc Render(heimdex.common.v1.RenderTableRequest) returns (google.api.HttpBody);
}
message Question { string name = 1; int32 page = 2; repeated string words = 3; }
message Answer { string name = 1; int32 page = 2; repeated string words = 3; }
message Formatted { string format = 1; }
"""
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    def compiled(text):
        root = tmp_path_factory.mktemp("shop")
        target = root / TABLE_PROTO
        target.parent.mkdir(parents=True)
        shutil.copy(ROOT / "protos" / TABLE_PROTO, target)
        (root / "shop.proto").write_text(text, encoding="utf-8")
        return build_descriptor_set(root / "shop.binpb", root / "shop.proto", root=root)

    return compiled


@pytest.fixture(scope="module")
def shop_set(compiled):
    return compiled(SHOP)


@pytest.fixture
async def shop(shop_set):
    async with (
        running_backend(shop_set) as backend,
        serving(shop_set, backend.address, proto_names=True) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def question(shop_set):
    pool = load_routes(read_descriptor_set(shop_set)).pool
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.v1.Question"))


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
async def test_a_format_is_answered_by_the_rpc_that_renders_with_the_request_of_the_one_that_was_asked(
    shop, question, file_format
):
    """R-AD3-08."""
    got = await shop.get(f"/v1/shop/a%2Fb/orders-v2?words=x%26y&format={file_format}&page=3&words=%3D1")
    method, _, request = got.content.partition(b"|")

    assert got.status_code == 200
    assert got.headers["content-type"].partition(";")[0] == f"text/{file_format}"
    assert method == b"List"
    assert question.FromString(request) == question(name="a/b", page=3, words=["x&y", "=1"])


async def test_json_is_the_usual_answer(shop):
    usual = await shop.get("/v1/orders?page=3")
    asked = await shop.get("/v1/orders?format=json&page=3")

    assert usual.json() == asked.json() == {"page": 3}
    assert "content-disposition" not in asked.headers


@pytest.mark.parametrize(
    "query", ["format=pdf", "format=", "format", "format=CSV", "format=csv&format=csv", "%66ormat=x"]
)
async def test_a_format_that_is_none_is_refused_with_the_field(shop, query):
    got = await shop.get(f"/v1/orders?{query}")

    assert got.status_code == 400
    assert [one["field"] for one in got.json()["details"][0]["field_violations"]] == ["format"]


async def test_other_fields_are_checked_as_ever(shop):
    got = await shop.get("/v1/orders?format=csv&page=many&nothing=1")

    assert got.status_code == 400
    assert [one["field"] for one in got.json()["details"][0]["field_violations"]] == ["page", "nothing"]


async def test_what_the_service_refuses_is_refused(shop):
    got = await shop.get("/v1/refused?format=csv")

    assert (got.status_code, got.json()["message"]) == (400, "not this one")
    assert "content-disposition" not in got.headers


async def test_a_file_without_a_type_is_bytes(shop):
    assert (await shop.get("/v1/untyped?format=csv")).headers["content-type"] == "application/octet-stream"


async def test_a_route_that_nobody_renders_has_no_format(shop):
    got = await shop.get("/v1/plain?format=csv")

    assert (got.status_code, got.json()["details"][0]["field_violations"][0]["field"]) == (400, "format")


async def test_a_request_with_a_field_of_that_name_keeps_it(shop):
    assert (await shop.get("/v1/own?format=csv")).json() == {"format": "csv"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/orders", "orders"),
        ("/v1/shop/u42/orders-v2", "shop-u42-orders-v2"),
        ("/v1/shop/%3Dcmd%7C'%20%2FC%20calc'!A0/orders-v2", "shop-cmd-C-calc-A0-orders-v2"),
        ("/v1/shop/..%2F..%2Fetc%2Fpasswd/orders-v2", "shop-etc-passwd-orders-v2"),
        ("/v1/shop/%22%0D%0ASet-Cookie:a/orders-v2", "shop-Set-Cookie-a-orders-v2"),
        ("/v1/shop/%F0%9F%A6%9C/orders-v2", "shop-orders-v2"),
        (f"/v1/shop/{'x' * 300}/orders-v2", "shop-" + "x" * 75),
    ],
)
async def test_a_file_is_named_by_its_path_in_letters_digits_and_hyphens(shop, path, name):
    """R-AD3-08: hostile names are inert."""
    got = await shop.get(f"{path}?format=csv")

    assert got.headers["content-disposition"] == f'attachment; filename="{name}.csv"'


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("shop.v1.Shop.Nothing", ""),
        ("Render", ""),
        ("shop.v1.Shop.List", ""),
        ("shop.v1.Other.Render", "rpc Render(heimdex.common.v1.RenderTableRequest) returns (Question);"),
        (
            "shop.v1.Other.Render",
            "rpc Render(heimdex.common.v1.RenderTableRequest) returns (stream google.api.HttpBody);",
        ),
        ("shop.v1.Other.Render", "rpc Render(Question) returns (google.api.HttpBody);"),
    ],
)
def test_a_renderer_that_can_not_render_stops_the_start(compiled, name, service):
    text = f"""{HEADER}
        service Shop {{
          rpc List(Question) returns (Question) {{
            option (google.api.http) = {{get: "/v1/orders"}};
            option (heimdex.common.v1.rendered_by) = "{name}";
          }}
        }}
        service Other {{ {service} }}
        message Question {{ string name = 1; }}
        """
    with pytest.raises(RouteTableError, match="Shop/List: rendered_by"):
        load_routes(read_descriptor_set(compiled(text)))
