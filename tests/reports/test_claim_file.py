from __future__ import annotations

from entrepot.reports.claim_file import load_claims


def test_every_claim_has_its_source_its_date_and_both_languages() -> None:
    claims = load_claims()
    assert len(claims) == len({claim.id for claim in claims}) == 31
    for claim in claims:
        assert all((claim.claim, claim.claim_zh, claim.unit, claim.as_of, claim.source, claim.compare))
        assert claim.low is None or claim.high is None or claim.low <= claim.high
