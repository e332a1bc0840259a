"""A catalog of a handful of made-up facts, so that a test says what it depends on."""

from __future__ import annotations

from decimal import Decimal

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.price import Currency, Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Blank, Maker, Model, Offer, Provider, Region, Score

SOURCE = "https://example.com/prices"
AS_OF = "2026-11-21"


def price(read: str, written: str, currency: Currency = "USD") -> Price:
    """A list price."""
    return Price(
        input_per_mtok=Decimal(read), output_per_mtok=Decimal(written), currency=currency, source=SOURCE, as_of=AS_OF
    )


def model(
    id: str, maker: str, *, mmlu: float | None = None, open_weights: bool = False, retires_on: str | None = None
) -> Model:
    """A model with at most one published score."""
    scores = () if mmlu is None else (Score(benchmark="mmlu-pro", score=mmlu, source=SOURCE, as_of=AS_OF),)
    return Model(
        id=id, maker=maker, open_weights=open_weights, retires_on=retires_on, scores=scores, source=SOURCE, as_of=AS_OF
    )


def region(name: str, base_url: str, processed_in: str) -> Region:
    """An address."""
    return Region(name=name, base_url=base_url, processed_in=processed_in, source=SOURCE, as_of=AS_OF)


OPENAI = Provider(
    id="openai",
    name="OpenAI",
    country="US",
    dialect="openai-chat",
    auth="bearer",
    key_env=("OPENAI_API_KEY",),
    regions=(
        region("global", "https://api.openai.com/v1", "GLOBAL"),
        region("eu", "https://eu.api.openai.com/v1", "EU"),
    ),
    offers=(
        Offer(model="gpt-large", upstream_name="gpt-large", price=price("10", "50")),
        Offer(model="gpt-middle", upstream_name="gpt-middle", price=price("2", "10")),
        Offer(model="gpt-other", upstream_name="gpt-other", price=price("1.5", "9")),
        Offer(model="gpt-small", upstream_name="gpt-small-2026", price=price("0.1", "0.5")),
        Offer(model="gpt-ending", upstream_name="gpt-ending", price=price("0.01", "0.01")),
        Offer(model="gpt-unpriced", upstream_name="gpt-unpriced"),
    ),
    source=SOURCE,
    as_of=AS_OF,
)
DEEPSEEK = Provider(
    id="deepseek",
    name="DeepSeek",
    country="CN",
    dialect="openai-chat",
    auth="bearer",
    key_env=("DEEPSEEK_API_KEY", "DEEPSEEK_KEY"),
    regions=(region("china", "https://api.deepseek.com", "CN"),),
    offers=(Offer(model="deepseek-flash", upstream_name="deepseek-flash", price=price("2", "8", "CNY")),),
    source=SOURCE,
    as_of=AS_OF,
)
OLLAMA = Provider(
    id="ollama",
    name="Ollama",
    country=None,
    dialect="ollama-chat",
    auth="none",
    on_premises=True,
    probe_port=11434,
    regions=(region("local", "http://127.0.0.1:11434", "LOCAL"),),
    source=SOURCE,
    as_of=AS_OF,
)
VLLM = Provider(
    id="vllm",
    name="vLLM",
    country=None,
    dialect="openai-chat",
    auth="none",
    on_premises=True,
    probe_port=8000,
    regions=(region("local", "http://127.0.0.1:8000/v1", "LOCAL"),),
    source=SOURCE,
    as_of=AS_OF,
)
AZURE = Provider(
    id="azure",
    name="Azure",
    country="US",
    dialect="openai-chat",
    auth="api-key",
    key_env=("AZURE_KEY",),
    quirks=("max_completion_tokens",),
    cloud="azure",
    blanks=(Blank(name="resource", what="the name of your Azure resource", env=("AZURE_RESOURCE",)),),
    regions=(
        Region(
            name="global",
            base_url="https://{resource}.openai.azure.com/openai/v1",
            processed_in="GLOBAL",
            cloud_scope="https://cognitiveservices.azure.com/.default",
            source=SOURCE,
            as_of=AS_OF,
        ),
        Region(
            name="anthropic",
            base_url="https://{resource}.services.ai.azure.com/anthropic",
            processed_in="GLOBAL",
            cloud_scope="https://ai.azure.com/.default",
            dialect="anthropic-messages",
            auth="x-api-key",
            quirks=("no_image_urls",),
            source=SOURCE,
            as_of=AS_OF,
        ),
    ),
    offers=(
        Offer(model="gpt-large", upstream_name="gpt-large", price=price("10", "50"), quirks=("reasoning_effort",)),
    ),
    source=SOURCE,
    as_of=AS_OF,
)
RATES = ExchangeRates(usd_per_cny=Decimal("0.14"), source=SOURCE, as_of=AS_OF)
SMALL = Catalog(
    makers=(
        Maker(id="openai", name="OpenAI", country="US"),
        Maker(id="deepseek", name="DeepSeek", country="CN"),
        Maker(id="alibaba", name="Alibaba", country="CN"),
    ),
    models=(
        model("gpt-large", "openai", mmlu=0.90),
        model("gpt-middle", "openai", mmlu=0.88),
        model("gpt-other", "openai", mmlu=0.87),
        model("gpt-small", "openai", mmlu=0.70),
        model("gpt-ending", "openai", retires_on="2026-12-11"),
        model("gpt-unpriced", "openai"),
        model("deepseek-flash", "deepseek", mmlu=0.84, open_weights=True),
        model("qwen3-8b", "alibaba", mmlu=0.63, open_weights=True),
    ),
    providers=(OPENAI, DEEPSEEK, AZURE, OLLAMA, VLLM),
    exchange_rates=RATES,
)
