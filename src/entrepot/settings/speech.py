"""What is spoken at a deployment, and with which credentials: that we know the dialect, its quirks and the cloud."""

from __future__ import annotations

from collections.abc import Iterator

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.schema import Deployment
from entrepot.dialects.registry import PROVIDER_DIALECTS, provider_dialect
from entrepot.errors import ExtraMissing, OperatorError
from entrepot.settings.file import DeploymentTable
from entrepot.settings.lines import Path
from entrepot.upstream.clouds import CLOUD_AUTHS, check_extra

USUAL_AUTH = {"anthropic-messages": "x-api-key", "gemini-generate": "x-goog-api-key"}
"""How a key is sent in a dialect, where nobody says; elsewhere as a bearer token."""


def check_speech(table: DeploymentTable, deployment: Deployment) -> Iterator[tuple[Path, str]]:
    """What is wrong with the dialect, quirks and credentials that came of `table`, and where it says so."""
    try:
        known = provider_dialect(deployment.dialect).quirks
    except OperatorError:
        at: Path = ("dialect",) if table.dialect else ()
        yield at, f"there is no dialect '{deployment.dialect}'{did_you_mean(deployment.dialect, PROVIDER_DIALECTS)}"
        return
    for quirk in sorted(deployment.quirks - known.keys()):
        at = ("quirks",) if table.quirks else ()
        yield at, f"{deployment.dialect} knows no quirk '{quirk}'{did_you_mean(quirk, known)}"
    if deployment.auth not in CLOUD_AUTHS:
        return
    if deployment.secret is not None:
        yield ("key",), f"auth = '{deployment.auth}' takes that cloud's own credentials, and no key"
    if not deployment.auth_scope:
        example = {"aws": "us-east-1/bedrock", "google": "https://www.googleapis.com/auth/cloud-platform"}
        scope = example.get(deployment.auth, "https://cognitiveservices.azure.com/.default")
        yield ("auth",), f"auth = '{deployment.auth}' needs to know what for: auth_scope = \"{scope}\" or its like"
    try:
        check_extra(deployment.auth)
    except ExtraMissing as error:
        yield (), error.message
