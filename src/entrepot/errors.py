"""Every exception of Entrepôt, as one tree drawn by whose fault it is.

    EntrepotError
    ├── CallerError              the client's request cannot be served as it stands
    │   ├── InvalidRequest       400  malformed or of the wrong shape; `param` says where
    │   ├── Unauthenticated      401  no key, or not one of ours
    │   ├── BudgetExceeded       402  a hard budget is used up, or cannot be kept; `rule` names it
    │   ├── Forbidden            403  a rule or a key's scope says no; `rule` names it
    │   ├── NotFound             404  no such path, model, route or exchange
    │   ├── MethodNotAllowed     405  the path exists, the method does not
    │   ├── Conflict             409  what is there already stands in the way
    │   ├── BodyTimeout          408  the request did not arrive in time
    │   ├── BodyTooLarge         413
    │   ├── HeadTooLarge         431
    │   └── RateLimited          429  our own limits; `retry_after_s` says when
    ├── ProviderError            a provider failed; the next candidate may do better
    │   └── AllCandidatesFailed  502/504/…  what is left to say when none did
    ├── Unavailable              503  we cannot take it now (starting, stopping)
    │   ├── OverloadedHere       503  as many requests are under way as this process takes
    │   ├── CountersUnreachable  503  the shared counters do not answer, and the operator chose to refuse
    │   └── EpochMissing         503  they have lost their memory, and are being rebuilt from the ledger
    ├── OperatorError            the installation is wrong; never caused by a request
    │   ├── SettingsError        entrepot.toml or the environment; names file, line and the right word
    │   ├── CatalogError         a fact about a maker, model or provider is missing or malformed
    │   ├── DataError            an outcome, prompt or price file is missing or malformed
    │   ├── ArtifactError        a router's file cannot be read or is of another version
    │   ├── LedgerError          the ledger or a spool cannot be read or written
    │   ├── ControlError         the control store cannot be read or written
    │   └── ExtraMissing         an optional dependency is not installed; names the extra
    └── Defect                   500  our own bug; the text is not shown to a client

Rules of this file: a message says what happened, where, and what to do. `public` is what a client may read;
nothing secret may be put into it. Dialects turn these into their own wire shape at one border
(`dialects/*.render_error`); the command line prints them without a traceback.
"""

from __future__ import annotations


class EntrepotError(Exception):
    """The root. `status` is the HTTP status, `code` a stable machine-readable word."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    @property
    def public(self) -> str:
        """The text a client may read."""
        return self.message


class CallerError(EntrepotError):
    """The client's request cannot be served as it stands."""

    status = 400
    code = "invalid_request"
    param: str | None = None


class InvalidRequest(CallerError):
    """The request is malformed; `param` is the path of the offending part, e.g. `messages[0].content`."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.param = param


class Unauthenticated(CallerError):
    """No key, or not one of ours. Which of the two is not said."""

    status = 401
    code = "invalid_api_key"


class BudgetExceeded(CallerError):
    """A hard budget has no room for the request, or its worst case cannot be bounded. `rule` names the budget.

    402, because client libraries repeat what is answered with 429, and asking again will not help.
    """

    status = 402
    code = "budget_exceeded"

    def __init__(self, message: str, *, budget: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.rule = f"budget {budget}"


class Forbidden(CallerError):
    """A rule or the key's scope says no. `rule` names what refused."""

    status = 403
    code = "forbidden"

    def __init__(self, message: str, *, rule: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.rule = rule


class NotFound(CallerError):
    """No such path, model, route or exchange."""

    status = 404
    code = "not_found"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.param = param


class MethodNotAllowed(CallerError):
    """The path exists, the method does not. `allowed` are those that do."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class Conflict(CallerError):
    """What is asked for contradicts what is there."""

    status = 409
    code = "conflict"


class BodyTimeout(CallerError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(CallerError):
    """The request body is over the limit."""

    status = 413
    code = "request_too_large"


class HeadTooLarge(CallerError):
    """The request's line and headers are over the limit."""

    status = 431
    code = "head_too_large"


class RateLimited(CallerError):
    """One of our own limits was reached."""

    status = 429
    code = "rate_limit_exceeded"
    announced: tuple[tuple[bytes, bytes], ...] = ()
    """Headers that say how much of the limits is left."""

    def __init__(self, message: str, *, retry_after_s: float, code: str | None = None, rule: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
        self.rule = rule


class ProviderError(EntrepotError):
    """A provider failed to answer."""

    status = 502
    code = "provider_error"


class AllCandidatesFailed(ProviderError):
    """No candidate answered; `status` is chosen from what they said last."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 502,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.retry_after_s = retry_after_s


class Unavailable(EntrepotError):
    """We cannot take the request now."""

    status = 503
    code = "unavailable"
    retry_after_s: float = 1.0


class OverloadedHere(Unavailable):
    """As many requests are under way as this process takes."""

    code = "overloaded_here"


class CountersUnreachable(Unavailable):
    """The shared counters do not answer. The text is for the log."""

    code = "counters_unreachable"

    @property
    def public(self) -> str:
        """Nothing of the installation is shown to a client."""
        return "the gateway cannot count what is spent at the moment, and may not serve without: try again shortly"


class EpochMissing(CountersUnreachable):
    """The shared counters have lost their memory. Nothing is granted until they are rebuilt from the ledger."""

    code = "counters_rebuilding"


class OperatorError(EntrepotError):
    """The installation is wrong. Never caused by a request."""

    code = "misconfigured"

    @property
    def public(self) -> str:
        """Nothing of the installation is shown to a client."""
        return "the gateway is not set up for this; its operator can read why in its log"


class SettingsError(OperatorError):
    """entrepot.toml or the environment is wrong; the message names file, line and what to write."""


class CatalogError(OperatorError):
    """A fact about a maker, model or provider is missing or malformed."""


class DataError(OperatorError):
    """An outcome, prompt or price file is missing or malformed."""


class ArtifactError(OperatorError):
    """A router's file cannot be read or is of another version."""


class LedgerError(OperatorError):
    """The ledger or a spool cannot be read or written."""


class ControlError(OperatorError):
    """The control store cannot be read or written."""


class ExtraMissing(OperatorError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the '{extra}' extra, which is not installed: pip install 'entrepot[{extra}]'")
        self.extra = extra


class Defect(EntrepotError):
    """Our own bug. The text goes to the log, never to a client."""

    @property
    def public(self) -> str:
        """The exchange id is all that a client can use."""
        return "the gateway failed on its own account; the exchange id helps its operator to find out why"
