"""The sentences of reports in English; see `wording.py`."""

from __future__ import annotations

ENGLISH_SENTENCES = {
    # tables
    "savings": "Savings",
    "share_by": "Share by {dimension}",
    "added_time": "Time added by the gateway",
    "figure": "figure",
    "value": "value",
    "interval": "{percent} interval",
    "exchanges": "exchanges",
    "part": "part",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost": "cost",
    # figures
    "exchanges_compared": "exchanges compared",
    "baseline_cost": "baseline would have cost ({models})",
    "saving": "saving",
    "saving_fraction": "saving, part of the baseline's cost",
    "added_p50": "median",
    "added_p99": "99th percentile",
    # dimensions
    "by_deployment": "deployment",
    "by_model": "model",
    "by_maker": "maker",
    "by_maker_country": "maker's country",
    "by_provider": "provider",
    "by_provider_country": "provider's country",
    "by_region": "region processed in",
    "by_on_premises": "place",
    "by_open_weights": "weights",
    "by_accelerator": "accelerator",
    "by_route": "route",
    "by_key": "key",
    "by_team": "team",
    "by_day": "day (UTC)",
    "by_state": "state",
    "by_dialect": "dialect",
    "by_asked_model": "model asked for",
    "by_language": "language",
    "by_difficulty": "difficulty",
    "by_client_region": "client's region",
    "by_data_classes": "data classes",
    # values
    "not_served": "(no deployment answered)",
    "unknown": "(unknown)",
    "none": "(none)",
    "others": "({count} others)",
    "on_premises_1": "on the premises",
    "on_premises_0": "hosted",
    "open_weights_1": "open",
    "open_weights_0": "closed",
    # notes
    "no_baseline": (
        "No saving is stated: no exchange of this period both completed at a known cost and had a baseline whose price is "
        "known. A route names its baseline by `baseline = …` in entrepot.toml."
    ),
    "estimated_assumed": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. Fewer than {least} predictions could be compared with real answers, so "
        "their sum is assumed to be right within ±{assumed}."
    ),
    "estimated_by_lot": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. {pairs} exchanges that were given to it by lot, against the router's "
        "choice, cost {factor} times what was predicted for them; the estimate is corrected by this factor."
    ),
    "estimated_corrected": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. {pairs} real answers cost {factor} times what was predicted for them; "
        "the estimate is corrected by this factor, and ±{allowance} more is allowed for, as those were not picked at random."
    ),
    "assumed": (
        "Assumed: the baseline would have answered every completed request once, at its price of that moment, without "
        "failed attempts, reading the same tokens, as many of them from its cache."
    ),
    "thrown_away": "{usd} of the cost went into attempts whose answer no client got.",
    "unfinished": (
        "{count} exchanges that did not complete cost {usd}; this counts as cost, with nothing on the baseline's side."
    ),
    "unknown_excluded": "{count} exchanges of unknown cost are left out on both sides.",
    "without_baseline": "{count} completed exchanges that had no baseline, or one of unknown price, are left out.",
    "unknown_cost": "The cost of {count} exchanges is unknown; it is in no sum.",
    "unknown_usage": "The tokens of {count} exchanges are unknown; they are in no sum.",
    "estimated_usage": "The provider did not count the tokens of {count} exchanges; they are estimated.",
    "added_within": "Quantiles are within {error} of the exact ones.",
    # the command
    "empty": "Nothing to report: the ledger holds no exchange{between}. Send a request through the gateway and ask again.",
    "between": " in this period",
    "period": "{exchanges} exchanges from {first} to {last}",
    "damaged": (
        "{count} damaged records ({size} bytes) of spool files could not be read and are in no figure; "
        "the files are kept as *.damaged."
    ),
    "not_ingested": "Not everything is in these figures yet: {why}",
    "withdrawn": "Route {route} promises nothing since {since}: {promise}.",
    "open_start": "the beginning",
    "open_end": "now",
}
