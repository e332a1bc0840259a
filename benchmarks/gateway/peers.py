"""The peers of the comparison, each in front of the same provider of fixed answers, set up as its own documents say.

nginx relays without a log, without buffering and with kept connections; LiteLLM's proxy has a master key and one model, and
Portkey's gateway is told by headers where to go; ours has a key, rules, a hard budget, a learned route of ten candidates, and
the ledger. The configurations are printed by `--show`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from processes import Program, free_port

KEY = "sk-comparison"
ANSWER_WORDS = "The contract names two obligations, both due in March; the amounts are in the annex. "
NGINX_HEAD = """
daemon off; master_process off; pid {folder}/{name}.pid; error_log {folder}/{name}.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u; scgi_temp_path {folder}/{name}-s;
  keepalive_requests 100000000; client_body_buffer_size 4m; client_max_body_size 40m;
"""
PROVIDER = (
    NGINX_HEAD
    + """
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""
)
PROXY = (
    NGINX_HEAD
    + """
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
)
LITELLM = """
model_list:
  - model_name: fixed
    litellm_params: {{model: openai/fixed, api_base: "http://127.0.0.1:{upstream}/v1", api_key: sk-x}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false}}
"""
OURS = """
[gateway]
port = {port}
processes = {processes}

[ledger]
directory = "{directory}"

[[keys]]
name = "load"
secret = "env:LOAD_KEY"
team = "bench"

[[budgets]]
name = "everything"
amount_usd = 9000000

[[policy]]
name = "no-unknown-country"
deny = {{ provider_country = ["KP"] }}

[[policy]]
name = "personal-data-stays"
when = {{ tags = ["personal"] }}
require = {{ on_premises = true }}

[[routes]]
name = "auto"
reference = "openai/gpt-4o-2024-08-06"
baseline = "openai/gpt-4o-2024-08-06"
"""
DEPLOYMENT = """
[[deployments]]
provider = "{provider}"
model = "{model}"
base_url = "http://127.0.0.1:{upstream}/v1"
on_premises = true
key = "env:LOAD_KEY"
price = {{ input_per_mtok = {price}, output_per_mtok = {price} }}
"""
CANDIDATES = (
    ("openai", "gpt-4o-2024-08-06", "2.5"),
    ("openai", "gpt-4o-mini", "0.15"),
    ("deepseek", "deepseek-v3.2", "0.28"),
    ("alibaba", "qwen3-max", "0.86"),
    ("zhipu", "glm-4.6", "0.6"),
    ("moonshot", "kimi-k2-thinking", "0.6"),
    ("together", "llama-3.3-70b-instruct", "0.88"),
    ("groq", "llama-3.1-8b-instruct", "0.05"),
    ("mistral", "mistral-large-3", "0.5"),
    ("minimax", "minimax-m2", "0.3"),
)


def answer() -> str:
    """A chat completion of about 1 kB."""
    message = {"role": "assistant", "content": ANSWER_WORDS * 8}
    body = {
        "id": "chatcmpl-fixed",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "fixed",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 160, "total_tokens": 660},
    }
    return msgspec.json.encode(body).decode().replace("'", "\\'")


def start_provider(folder: Path) -> Program:
    """The provider of fixed answers: nginx, because nothing cheaper is at hand."""
    return _nginx(folder, "provider", PROVIDER, answer=answer())


def start_nginx(folder: Path, upstream: int) -> Program:
    """nginx as a reverse proxy."""
    return _nginx(folder, "proxy", PROXY, upstream=upstream)


def nginx_program() -> str | None:
    """Where nginx is; distributions keep it from the paths of plain users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _nginx(folder: Path, name: str, template: str, **words: object) -> Program:
    program = nginx_program() or "nginx"
    port = free_port()
    file = folder / f"{name}.conf"
    file.write_text(template.format(folder=folder, name=name, port=port, **words))
    return Program([program, "-c", str(file), "-p", str(folder)], port, folder / f"{name}.out")


def start_litellm(folder: Path, upstream: int, program: str) -> Program:
    """LiteLLM's proxy, one worker, without a database."""
    port = free_port()
    file = folder / "litellm.yaml"
    file.write_text(LITELLM.format(upstream=upstream, key=KEY))
    environ = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [program, "--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    return Program(command, port, folder / "litellm.out", environ)


def start_portkey(folder: Path, program: str) -> Program:
    """Portkey's gateway in Node.js; `program` is its `start-server.js`. It calls loopback only where it is told that it may."""
    port = free_port()
    environ = {**os.environ, "TRUSTED_CUSTOM_HOSTS": "127.0.0.1", "NODE_ENV": "production"}
    command = [shutil.which("node") or "node", program, "--headless", f"--port={port}"]
    return Program(command, port, folder / "portkey.out", environ)


def portkey_headers(upstream: int) -> str:
    """What it is told with every request, as `load.lua` takes it."""
    return f"x-portkey-provider: openai;x-portkey-custom-host: http://127.0.0.1:{upstream}/v1"


def start_streams(folder: Path) -> Program:
    """The provider of streams."""
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("streaming.py")), "provide", str(port)]
    return Program(command, port, folder / "streams.out")


def settings_text(folder: Path, port: int, upstream: int, processes: int, more: str = "") -> str:
    """Our settings. `more` is put behind them."""
    deployments = "".join(
        DEPLOYMENT.format(provider=provider, model=model, price=price, upstream=upstream)
        for provider, model, price in CANDIDATES
    )
    return OURS.format(port=port, processes=processes, directory=folder / "ledger") + deployments + more


def start_ours(folder: Path, upstream: int, processes: int = 1, more: str = "") -> Program:
    """Entrepôt: key, rules, budget, ten candidates, the shipped router, ledger on disk; the control process beside it."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    file = folder / "entrepot.toml"
    file.write_text(settings_text(folder, port, upstream, processes, more))
    environ: Mapping[str, str] = {**os.environ, **compiled(folder.parent), "LOAD_KEY": KEY, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "entrepot", "up", "--config", str(file)]
    return Program(command, port, folder / "entrepot.out", environ, ready_path="/livez")


def compiled(folder: Path) -> dict[str, str]:
    """An environment in which all that we import is compiled already, as an installer leaves it."""
    environ = {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    imports = [sys.executable, "-c", "import entrepot.app, entrepot.cli.up"]
    subprocess.run(imports, env={**os.environ, **environ}, check=True)
    return environ


def many_keys(count: int) -> str:
    """Settings of so many keys more."""
    return "".join(
        f'\n[[keys]]\nname = "other-{n}"\nsha256 = "{hashlib.sha256(b"%d" % n).hexdigest()}"\n' for n in range(count)
    )


def many_rules(count: int) -> str:
    """so many rules more, each for another tag: what is allowed stays as it was."""
    return "".join(
        f'\n[[policy]]\nname = "team-{n}"\nwhen = {{ tags = ["tag-{n}"] }}\ndeny = {{ provider_country = ["KP"] }}\n'
        for n in range(count)
    )
