"""What the catalog says of each provider: where it is reached, in which dialect, how its key is sent, and what it offers.

A new provider is a TOML file and a line here.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from urllib.parse import urlsplit

import pytest

from entrepot.catalog.deployment import blanks_in, build_deployment
from entrepot.catalog.load import load_catalog
from entrepot.catalog.places import GLOBAL
from entrepot.catalog.schema import Provider
from entrepot.dialects.registry import PROVIDER_DIALECTS

CATALOG = load_catalog()
MODEL = "任意-model"
"""A model that no provider is known to offer: what is said of the provider itself is what is looked at."""

# provider, region, base address, dialect, how a key is sent, place of processing
PLACES = """
alibaba beijing https://dashscope.aliyuncs.com/compatible-mode/v1 openai-chat bearer CN
alibaba singapore https://dashscope-intl.aliyuncs.com/compatible-mode/v1 openai-chat bearer GLOBAL
alibaba virginia https://dashscope-us.aliyuncs.com/compatible-mode/v1 openai-chat bearer GLOBAL
alibaba frankfurt https://acme.eu-central-1.maas.aliyuncs.com/compatible-mode/v1 openai-chat bearer GLOBAL
alibaba beijing-anthropic https://dashscope.aliyuncs.com/apps/anthropic anthropic-messages bearer CN
amazon-bedrock eu https://bedrock-runtime.eu-central-1.amazonaws.com bedrock-converse bearer EU
amazon-bedrock eu-north-1 https://bedrock-runtime.eu-north-1.amazonaws.com bedrock-converse bearer SE
amazon-bedrock-mantle us-west-2 https://bedrock-mantle.us-west-2.api.aws/v1 openai-chat bearer US
anthropic global https://api.anthropic.com anthropic-messages x-api-key GLOBAL
azure-anthropic global https://acme.services.ai.azure.com/anthropic anthropic-messages x-api-key GLOBAL
azure-openai data-zone-eu https://acme.openai.azure.com/openai/v1 openai-chat api-key EU
baichuan cn https://api.baichuan-ai.com/v1 openai-chat bearer GLOBAL
baidu-qianfan cn https://qianfan.baidubce.com/v2 openai-chat bearer GLOBAL
byteplus ap-southeast https://ark.ap-southeast.bytepluses.com/api/v3 openai-chat bearer GLOBAL
cerebras global https://api.cerebras.ai/v1 openai-chat bearer GLOBAL
deepinfra global https://api.deepinfra.com/v1/openai openai-chat bearer GLOBAL
deepseek cn https://api.deepseek.com openai-chat bearer CN
deepseek cn-anthropic https://api.deepseek.com/anthropic anthropic-messages x-api-key CN
fireworks global https://api.fireworks.ai/inference/v1 openai-chat bearer GLOBAL
google-gemini global https://generativelanguage.googleapis.com/v1beta gemini-generate x-goog-api-key GLOBAL
google-vertex global https://aiplatform.googleapis.com/v1/projects/acme/locations/global/publishers/google gemini-generate x-goog-api-key GLOBAL
google-vertex europe-west4 https://europe-west4-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west4/publishers/google gemini-generate x-goog-api-key NL
google-vertex eu https://aiplatform.eu.rep.googleapis.com/v1/projects/acme/locations/eu/publishers/google gemini-generate x-goog-api-key EU
google-vertex-anthropic europe-west1 https://europe-west1-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west1/publishers/anthropic anthropic-messages bearer BE
google-vertex-open global https://aiplatform.googleapis.com/v1/projects/acme/locations/global/endpoints/openapi openai-chat bearer GLOBAL
groq global https://api.groq.com/openai/v1 openai-chat bearer GLOBAL
huggingface global https://router.huggingface.co/v1 openai-chat bearer GLOBAL
llama-cpp local http://127.0.0.1:8080/v1 openai-chat none LOCAL
lm-studio local http://127.0.0.1:1234/v1 openai-chat none LOCAL
meta global https://api.meta.ai/v1 openai-chat bearer GLOBAL
minimax intl https://api.minimax.io/v1 openai-chat bearer GLOBAL
minimax intl-anthropic https://api.minimax.io/anthropic anthropic-messages bearer GLOBAL
minimax-cn cn https://api.minimaxi.com/v1 openai-chat bearer CN
mistral eu https://api.eu.mistral.ai/v1 openai-chat bearer EU
moonshot intl https://api.moonshot.ai/v1 openai-chat bearer GLOBAL
moonshot intl-anthropic https://api.moonshot.ai/anthropic anthropic-messages bearer GLOBAL
moonshot-cn cn-anthropic https://api.moonshot.cn/anthropic anthropic-messages bearer CN
moonshot-cn cn https://api.moonshot.cn/v1 openai-chat bearer CN
ollama local http://127.0.0.1:11434 ollama-chat none LOCAL
openai eu https://eu.api.openai.com/v1 openai-chat bearer EU
openrouter global https://openrouter.ai/api/v1 openai-chat bearer GLOBAL
sglang local http://127.0.0.1:30000/v1 openai-chat none LOCAL
siliconflow intl https://api.siliconflow.com/v1 openai-chat bearer GLOBAL
siliconflow-cn cn https://api.siliconflow.cn/v1 openai-chat bearer GLOBAL
tencent-intl intl https://tokenhub-intl.tencentcloudmaas.com/v1 openai-chat bearer GLOBAL
tencent-tokenhub cn https://tokenhub.tencentmaas.com/v1 openai-chat bearer GLOBAL
tgi local http://127.0.0.1:3000/v1 openai-chat none LOCAL
together global https://api.together.ai/v1 openai-chat bearer GLOBAL
vllm local http://127.0.0.1:8000/v1 openai-chat none LOCAL
volcengine-ark cn https://ark.cn-beijing.volces.com/api/v3 openai-chat bearer CN
xai us https://us.api.x.ai/v1 openai-chat bearer US
zai intl https://api.z.ai/api/paas/v4 openai-chat bearer GLOBAL
zhipu cn https://open.bigmodel.cn/api/paas/v4 openai-chat bearer GLOBAL
zhipu cn-anthropic https://open.bigmodel.cn/api/anthropic anthropic-messages bearer GLOBAL
"""  # noqa: E501 - a table is read line by line
ROWS = [line.split() for line in PLACES.strip().splitlines()]
OF_ONES_OWN = {"openai-compatible", "anthropic-compatible", "gemini-compatible"}


def test_every_provider_has_a_line_here() -> None:
    assert {provider.id for provider in CATALOG.providers} == {row[0] for row in ROWS} | OF_ONES_OWN


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_provider_is_reached_where_and_as_it_says(row: list[str]) -> None:
    provider_id, region, base_url, dialect, auth, place = row
    provider = CATALOG.provider(provider_id)
    made = build_deployment(
        CATALOG,
        provider_id,
        MODEL,
        region,
        upstream_name=MODEL,
        secret=None if auth == "none" else "env:KEY",
        blanks={blank.name: "acme" for blank in provider.blanks},
    )
    assert (made.base_url, made.dialect, made.auth, made.region) == (base_url, dialect, auth, place)


@pytest.mark.parametrize("provider", CATALOG.providers, ids=lambda provider: provider.id)
def test_every_dialect_and_quirk_at_a_provider_is_one_that_we_know(provider: Provider) -> None:
    blanks = {blank.name: "acme" for blank in provider.blanks}
    for region in provider.regions:
        offered = [offer.model for offer in provider.offers if not offer.regions or region.name in offer.regions]
        given = "https://acme.example/v1" if provider.id in OF_ONES_OWN else None
        for model in [*offered, MODEL]:
            made = build_deployment(
                CATALOG,
                provider.id,
                model,
                region.name,
                base_url=given,
                blanks=blanks,
                upstream_name=MODEL if model == MODEL else None,
            )
            assert made.quirks <= PROVIDER_DIALECTS[made.dialect].quirks.keys(), (region.name, model)


def test_no_quirk_is_written_where_it_means_nothing() -> None:
    for provider in CATALOG.providers:
        own = PROVIDER_DIALECTS[provider.dialect].quirks.keys()
        assert set(provider.quirks) <= own, provider.id
        for region in provider.regions:
            assert set(region.quirks) <= PROVIDER_DIALECTS[region.dialect or provider.dialect].quirks.keys()
        for offer in provider.offers:
            assert set(offer.quirks) <= PROVIDER_DIALECTS[offer.dialect or provider.dialect].quirks.keys(), offer.model


def test_a_provider_that_is_not_ones_own_says_its_country_and_its_addresses_are_encrypted() -> None:
    for provider in CATALOG.providers:
        if provider.on_premises or provider.id in OF_ONES_OWN:
            continue
        assert provider.country, provider.id
        for region in provider.regions:
            assert region.base_url.startswith("https://"), region
            assert urlsplit(region.base_url).hostname


def test_what_is_not_known_to_stay_somewhere_counts_as_going_anywhere() -> None:
    for provider in CATALOG.providers:
        if provider.cloud is None and not provider.on_premises and len(provider.regions) == 1:
            (region,) = provider.regions
            assert region.processed_in in (GLOBAL, provider.country)


def test_every_shipped_provider_file_states_its_page_and_day() -> None:
    for file in (files("entrepot.catalog") / "providers").iterdir():
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        assert table["source"], file.name
        assert table["as_of"], file.name


def test_only_addresses_that_differ_by_customer_have_blanks() -> None:
    with_blanks = {
        provider.id for provider in CATALOG.providers if any(blanks_in(region.base_url) for region in provider.regions)
    }
    clouds = {
        "alibaba",
        "azure-anthropic",
        "azure-openai",
        "google-vertex",
        "google-vertex-anthropic",
        "google-vertex-open",
    }
    assert with_blanks == clouds | OF_ONES_OWN


# provider, a model it offers, days that it keeps what it is sent, whether it trains on it; - is unknown
HANDLED = """
openai gpt-6-luna 30 no
xai grok-4.7 30 no
groq gpt-oss-120b 30 -
fireworks gpt-oss-120b 0 -
fireworks qwen3.8-max - -
deepinfra glm-5.2 0 no
deepinfra gemma-3-27b-it - -
anthropic claude-opus-5-5 - no
google-vertex gemini-3.8-flash - no
mistral mistral-large-4 - -
deepseek deepseek-v4.1-flash - yes
"""


@pytest.mark.parametrize("line", HANDLED.strip().splitlines())
def test_what_is_kept_and_learned_from_is_what_the_provider_says_and_else_unknown(line: str) -> None:
    provider, model, days, trains = line.split()
    offer = CATALOG.offer(provider, model)
    assert offer is not None
    handling = offer.handling or CATALOG.provider(provider).handling
    known = (None, None) if handling is None else (handling.retention_days, handling.trains_on_data)
    assert known == (None if days == "-" else int(days), {"-": None, "no": False, "yes": True}[trains])
