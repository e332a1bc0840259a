"""What published reports say, and beside each claim what this ledger and today's list prices measure, or why they cannot.

Rules of this file: a claim is quoted and not judged; a measurement says what it is of. A share is of answered exchanges. A
ratio of list prices is that of medians over the models that the catalog has a price for, at the least dear offer of each,
with three tokens read for each one written; the ledger's own ratio is of dollars per token as they were paid, with its own
mix of models and lengths. Neither is a ratio at equal quality: `report value` gives that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from statistics import median

import msgspec

from entrepot.catalog.lookup import Catalog
from entrepot.catalog.pricing import Tariff
from entrepot.ledger.store import ALWAYS, Dimension, LedgerReader, Period, Sums
from entrepot.reports.claim_file import Claim, load_claims
from entrepot.reports.market import Market, measure_market, shares_of
from entrepot.reports.outcomes import best_source, difference, tallies
from entrepot.reports.render import Column, Label, Row, Table, format_cell
from entrepot.reports.savings import measure_savings
from entrepot.reports.share import add_up
from entrepot.reports.wording import ENGLISH, Words

_READ, _WRITTEN = 3, 1
_LEAST_OUTCOMES = 30
_ADOPTED = ("alibaba", "deepseek", "baichuan", "baidu")


class Measured(msgspec.Struct, frozen=True):
    """What stands beside a claim: texts for people, `value` for programs where it is one number, `why` there is none."""

    ledger: str = ""
    listed: str = ""
    value: float | None = None
    why: str = ""


class Evidence:
    """What a ledger and a catalog hold for claims, each figure worked out when it is first asked for."""

    def __init__(self, reader: LedgerReader, catalog: Catalog, period: Period, now_s: float, words: Words) -> None:
        self._reader, self._catalog, self._period, self._now_s = reader, catalog, period, now_s
        self.words = words

    def counts(self, *dimensions: Dimension) -> dict[tuple[str | None, ...], int]:
        """Answered exchanges by values."""
        groups = self._reader.totals_by(dimensions, self._period)
        found: dict[tuple[str | None, ...], int] = {}
        for group in groups:
            if group.served:
                found[group.values] = found.get(group.values, 0) + group.sums.exchanges
        return found

    def share(self, dimension: Dimension, *wanted: str) -> Measured:
        """The share of answered exchanges whose value is one of these."""
        return self.part(self.counts(dimension), lambda values: values[0] in wanted)

    def part(
        self, counts: Mapping[tuple[str | None, ...], int], chosen: Callable[[tuple[str | None, ...]], bool]
    ) -> Measured:
        """The chosen part of these; nothing where there are none."""
        whole = sum(counts.values())
        if not whole:
            return Measured(why=self.words("claim_nothing"))
        part = sum(count for values, count in counts.items() if chosen(values)) / whole
        return Measured(self.percent(part), value=part)

    def paid_ratio(self, dimension: Dimension, cheap: str, dear: str) -> float | None:
        """Dollars per token paid at one value, over that at another; None where either is not known."""
        sums: dict[str | None, list[Sums]] = {}
        for group in self._reader.totals_by((dimension,), self._period):
            if group.served:
                sums.setdefault(group.values[0], []).append(group.sums)
        rates = [_usd_per_token(add_up(sums.get(name, []))) for name in (cheap, dear)]
        return None if rates[0] is None or not rates[1] else rates[0] / rates[1]

    def listed_ratio(
        self, cheap: Callable[[str, str], bool], dear: Callable[[str, str], bool], *, read_only: bool = False
    ) -> float | None:
        """The ratio of median list prices of models chosen by their maker's id and country."""
        prices = [
            [
                (usd_in if read_only else _READ * usd_in + _WRITTEN * usd_out)
                for maker, country, usd_in, usd_out in self.listed
                if chosen(maker, country)
            ]
            for chosen in (cheap, dear)
        ]
        return median(prices[0]) / median(prices[1]) if all(prices) and median(prices[1]) else None

    @cached_property
    def listed(self) -> tuple[tuple[str, str, float, float], ...]:
        """Maker, its country, dollars per token read and written, of each model at its least dear offer that costs anything."""
        least: dict[str, tuple[float, float]] = {}
        for provider in self._catalog.providers:
            for offer in provider.offers:
                price = offer.price or self._catalog.listed_prices.find(provider.id, offer.upstream_name)
                if price is None:
                    continue
                usd = Tariff(price, self._catalog.exchange_rates).usd_per_token(0, self._now_s)
                if usd[0] > 0 and (offer.model not in least or _blended(usd) < _blended(least[offer.model])):
                    least[offer.model] = usd
        found = []
        for model in self._catalog.models:
            if model.id in least:
                maker = self._catalog.maker(model.maker)
                found.append((maker.id, maker.country, *least[model.id]))
        return tuple(found)

    @cached_property
    def market(self) -> Market:
        """By maker."""
        return measure_market(self._reader, "maker", self._period)

    @cached_property
    def by_country(self) -> Market:
        """By maker's country."""
        return measure_market(self._reader, "maker_country", self._period)

    def quality(self, difficulty: str | None) -> Measured:
        """Quality of Chinese makers' answers less that of American ones, of all requests or of one difficulty."""
        judged = [one for one in self._reader.judged(self._period) if difficulty in (None, one.difficulty)]
        source = best_source(judged, _LEAST_OUTCOMES)
        by_country = tallies((one for one in judged if one.source == source), lambda one: one.maker_country)
        china, america = by_country.get("CN"), by_country.get("US")
        if china is None or america is None or min(china.count, america.count) < _LEAST_OUTCOMES:
            return Measured(why=self.words("claim_outcomes", least=_LEAST_OUTCOMES))
        found = difference(china, america)
        text = self.words(
            "claim_quality",
            difference=self.percent(found.estimate),
            low=self.percent(found.low),
            high=self.percent(found.high),
            source=self.words(f"source_{source}"),
        )
        return Measured(text, value=found.estimate)

    def saving(self) -> Measured:
        """The saving against the operator's own baseline."""
        fraction = measure_savings(self._reader, self._period).fraction
        if fraction is None:
            return Measured(why=self.words("claim_no_baseline"))
        estimate, low, high = (self.percent(end) for end in fraction)
        return Measured(f"{estimate} ({low} … {high})", value=fraction[0])

    def several(self, counts: Mapping[tuple[str | None, ...], int], most: int = 4) -> Measured:
        """The largest shares by name."""
        shares = shares_of({values[0] or self.words("unknown"): count for values, count in counts.items()})
        if not shares:
            return Measured(why=self.words("claim_nothing"))
        largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:most]
        return Measured(", ".join(f"{name} {self.percent(share)}" for name, share in largest))

    def percent(self, part: float) -> str:
        """A part of one, for people."""
        return format_cell(part, "fraction", 2)


def _usd_per_token(sums: Sums) -> float | None:
    return sums.cost_nano_usd / sums.tokens * 1e-9 if sums.tokens and sums.cost_nano_usd else None


def _blended(usd: tuple[float, float]) -> float:
    return _READ * usd[0] + _WRITTEN * usd[1]


def _ratio(evidence: Evidence, paid: float | None, listed: float | None) -> Measured:
    told = [format_cell(value, "ratio", 2) if value is not None else "" for value in (paid, listed)]
    why = "" if paid is not None else evidence.words("claim_one_side")
    return Measured(told[0], told[1], paid, why)


def _countries(evidence: Evidence) -> Measured:
    listed = evidence.listed_ratio(lambda _, country: country == "CN", lambda _, country: country == "US")
    return _ratio(evidence, evidence.paid_ratio("maker_country", "CN", "US"), listed)


def _against_openai(evidence: Evidence) -> Measured:
    listed = evidence.listed_ratio(lambda _, country: country == "CN", lambda maker, _: maker == "openai")
    return _ratio(evidence, None, listed)


def _deepseek(evidence: Evidence) -> Measured:
    listed = evidence.listed_ratio(
        lambda maker, _: maker == "deepseek", lambda maker, country: maker != "deepseek" and country != "CN"
    )
    return _ratio(evidence, evidence.paid_ratio("maker", "deepseek", "openai"), listed)


def _deepseek_read(evidence: Evidence) -> Measured:
    listed = evidence.listed_ratio(lambda m, _: m == "deepseek", lambda m, _: m == "openai", read_only=True)
    return _ratio(evidence, None, listed)


def _hybrid(evidence: Evidence) -> Measured:
    counts = evidence.counts("difficulty", "maker_country")
    parts = {
        band: evidence.part({v: n for v, n in counts.items() if v[0] == band}, lambda values: values[1] == "CN")
        for band in ("easy", "medium", "hard")
    }
    known = {band: part.ledger for band, part in parts.items() if part.ledger}
    if not known:
        return Measured(why=evidence.words("claim_difficulty"))
    told = ", ".join(f"{evidence.words(f'difficulty_{band}')} {part}" for band, part in known.items())
    return Measured(evidence.words("claim_hybrid", parts=told))


def _monthly(evidence: Evidence) -> Measured:
    shares = [(month, shares_of(counts).get("CN", 0.0)) for month, counts in evidence.by_country.months]
    if not shares:
        return Measured(why=evidence.words("claim_nothing"))
    return Measured(
        ", ".join(f"{month} {evidence.percent(share)}" for month, share in shares[-6:]), value=shares[-1][1]
    )


def _offline(evidence: Evidence) -> Measured:
    counts = evidence.counts("on_premises", "maker_country")
    local = {values[1]: count for values, count in counts.items() if values[0] == "1"}
    if not local:
        return Measured(why=evidence.words("claim_no_premises"))
    if not local.get("US"):
        return Measured(evidence.several({(name,): count for name, count in local.items()}).ledger)
    ratio = local.get("CN", 0) / local["US"]
    return Measured(evidence.words("claim_cn_to_us", ratio=format_cell(ratio, "ratio", 2)), value=ratio)


def _open(evidence: Evidence) -> Measured:
    counts = {v: n for v, n in evidence.counts("open_weights", "maker_country").items() if v[0] == "1"}
    return evidence.part(counts, lambda values: values[1] == "CN")


def _swing(evidence: Evidence) -> Measured:
    move = evidence.market.largest_move
    if move is None:
        return Measured(why=evidence.words("claim_two_months"))
    return Measured(f"{move.name} {move.since} → {move.until}: {evidence.percent(move.points)}", value=abs(move.points))


def _chinese(evidence: Evidence, dimension: Dimension) -> Measured:
    counts = {v[:1]: n for v, n in evidence.counts(dimension, "maker_country").items() if v[1] == "CN"}
    if set(counts) <= {(None,)}:
        return Measured(why=evidence.words("claim_nothing"))
    return evidence.several(counts)


def _downloads(evidence: Evidence) -> Measured:
    counts = evidence.counts("maker")
    if not counts.get(("openai",)):
        return Measured(why=evidence.words("claim_one_side"))
    ratio = counts.get(("deepseek",), 0) / counts["openai",]
    return Measured(format_cell(ratio, "ratio", 2), value=ratio)


def _adoption(evidence: Evidence) -> Measured:
    whole = sum(evidence.counts("maker").values())
    if not whole:
        return Measured(why=evidence.words("claim_nothing"))
    counts = evidence.counts("maker")
    return Measured(", ".join(f"{maker} {evidence.percent(counts.get((maker,), 0) / whole)}" for maker in _ADOPTED))


def _accelerators(evidence: Evidence) -> Measured:
    stated = {v: n for v, n in evidence.counts("accelerator").items() if v[0] is not None}
    return evidence.several(stated) if stated else Measured(why=evidence.words("claim_accelerator"))


def _where_deepseek(evidence: Evidence) -> Measured:
    counts = {v[1:]: n for v, n in evidence.counts("maker", "provider_country").items() if v[0] == "deepseek"}
    return evidence.several(counts)


def _concentration(evidence: Evidence) -> Measured:
    found = evidence.market.concentration
    if found is None:
        return Measured(why=evidence.words("claim_nothing"))
    text = evidence.words("claim_makers", effective=f"{found.effective:.1f}", makers=found.values)
    return Measured(text, value=found.effective)


def _not_here(reason: str) -> Callable[[Evidence], Measured]:
    return lambda evidence: Measured(why=evidence.words(reason))


MEASURES: Mapping[str, Callable[[Evidence], Measured]] = {
    "price-ratio-api": _countries,
    "price-deepseek-r1": _deepseek_read,
    "price-5-8-percent": _against_openai,
    "cost-3-10-percent": _not_here("claim_maker_cost"),
    "deepseek-1-15": _deepseek,
    "price-17x": _deepseek,
    "price-table-2026-02": _countries,
    "saving-60-80": Evidence.saving,
    "hybrid": _hybrid,
    "uses": lambda evidence: evidence.several(evidence.counts("route")),
    "share-us-visits": lambda evidence: evidence.share("maker_country", "US"),
    "share-cn-3-13-6": _monthly,
    "share-one-in-five": lambda evidence: evidence.share("maker", "deepseek"),
    "share-offline": _offline,
    "share-open-38": _open,
    "swing": _swing,
    "regions": lambda evidence: _chinese(evidence, "client_region"),
    "gdp": _not_here("claim_outside"),
    "languages": lambda evidence: _chinese(evidence, "language"),
    "reasoning-gap": lambda evidence: evidence.quality("hard"),
    "quality-gap": lambda evidence: evidence.quality(None),
    "downloads": _downloads,
    "derivatives": _not_here("claim_outside"),
    "adoption-2026q1": _adoption,
    "accelerators": _accelerators,
    "banned-devices": _where_deepseek,
    "banks-oil": lambda evidence: evidence.share("on_premises", "1"),
    "private-deployment": lambda evidence: evidence.share("on_premises", "1"),
    "index": _not_here("claim_outside"),
    "concentration": _concentration,
    "risk": _not_here("claim_scenario"),
}
"""How each claim is measured; a test holds the two lists to each other."""


def measure_claims(
    reader: LedgerReader, catalog: Catalog, now_s: float, period: Period = ALWAYS, words: Words = ENGLISH
) -> tuple[tuple[Claim, Measured], ...]:
    """Every claim with what is measured. Raises LedgerError if the ledger cannot answer."""
    evidence = Evidence(reader, catalog, period, now_s, words)
    return tuple((claim, MEASURES[claim.id](evidence)) for claim in load_claims())


def tabulate_claims(measured: Iterable[tuple[Claim, Measured]], words: Words = ENGLISH) -> Table:
    """A line for each claim: what was published when and where, and what is measured here."""
    columns = (
        Column("claim", words("claim"), "text"),
        Column("published", words("published"), "text"),
        Column("as_of", words("as_of"), "text"),
        Column("ledger", words("this_ledger"), "text"),
        Column("value", words("value"), "count", plain=True),
        Column("listed", words("list_prices"), "text"),
        Column("why", words("remark"), "text"),
        Column("source", words("source"), "text"),
    )
    rows: list[Row] = []
    for claim, found in measured:
        text = claim.claim_zh if words.language == "zh" else claim.claim
        value = None if found.value is None else round(found.value, 4)
        shown = (found.ledger, found.listed, found.why)
        ledger, listed, why = (Label(part or None, part or "–") for part in shown)
        published = _published(claim, words)
        rows.append(
            (
                Label(claim.id, text),
                Label(published or None, published or "–"),
                Label(claim.as_of, claim.as_of),
                ledger,
                value,
                listed,
                why,
                Label(claim.source, claim.source),
            )
        )
    return Table("claims", words("claims"), columns, tuple(rows), (words("claims_how"), words("claims_prices")))


def _published(claim: Claim, words: Words) -> str:
    ends = [f"{end:g}" for end in (claim.low, claim.high) if end is not None]
    unit = words("unit_" + claim.unit.replace(",", "").replace(" ", "_"))
    return f"{'–'.join(dict.fromkeys(ends))} ({unit})" if ends else ""
