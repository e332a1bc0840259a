import base64

from entrepot.simulator.signatures import opened, seal, sign, thought_of


def test_what_was_sealed_is_read_again_by_the_same_wire_alone() -> None:
    sealed = seal("a", "想 hm")
    assert opened("a", sealed) == "想 hm"
    assert opened("b", sealed) is None


def test_an_altered_or_made_up_seal_opens_nothing() -> None:
    data = bytearray(base64.b64decode(seal("a", "hm")))
    data[-1] ^= 1
    for wrong in (base64.b64encode(data).decode(), "", "c2hvcnQ=", "*", "港"):
        assert opened("a", wrong) is None


def test_a_signature_holds_the_thought_and_fits_what_was_shown_of_it() -> None:
    signature = sign("a", "hm", "hm, all of it")
    assert thought_of("a", "hm", signature) == "hm, all of it"
    assert thought_of("a", "hm!", signature) is None
    assert thought_of("b", "hm", signature) is None
    assert thought_of("a", "hm", seal("a", "hm")) is None
