"""entrepot.toml and the environment become one frozen value, `Settings`; nobody else reads our environment variables.

May import everything up to `drive`, never the server, `learning` or `reports`. Start at `load.py` (a file) and `discover.py`
(no file); `file.py` is the shape of entrepot.toml, `schema.py` the shape of what comes out.
"""
