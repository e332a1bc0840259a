"""The dialect's name and its JSON.

Source: Ollama's API (github.com/ollama/ollama `api/types.go`, `docs/api.md`; ollama-python 0.6.3 `_types.py`).
"""

from __future__ import annotations

import msgspec

DIALECT = "ollama-chat"
encode = msgspec.json.Encoder().encode
