# The gateway as an image: the wheel of this tree, built as `make build` builds it, installed from the lock with its hashes.
#
#   docker build -t entrepot .
#   docker build -t entrepot --build-arg EXTRAS=postgres,redis,otel .      with extras, which are not locked
#
# It runs as nobody, needs no writable root, and writes to /var/lib/entrepot alone: there is no /tmp. docs/guides/deploy.md tells the rest.

FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/build.lock requirements/core.lock requirements/
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.lock \
 && python -m venv /opt/entrepot \
 && /opt/entrepot/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/core.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
ARG EXTRAS=""
RUN /build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/entrepot/bin/pip install --no-cache-dir --no-index --no-deps /dist/entrepot-*.whl \
 && if [ -n "$EXTRAS" ]; then /opt/entrepot/bin/pip install --no-cache-dir "entrepot[$EXTRAS]"; fi \
 && /opt/entrepot/bin/pip check \
 && /opt/entrepot/bin/python -m compileall -q /opt/entrepot

FROM python:3.13-slim-bookworm
COPY --from=build /opt/entrepot /opt/entrepot
RUN install -d -o 65534 -g 65534 -m 0750 /var/lib/entrepot && install -d /etc/entrepot
ENV PATH=/opt/entrepot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ENTREPOT_CONFIG=/etc/entrepot/entrepot.toml \
    XDG_DATA_HOME=/var/lib \
    TMPDIR=/var/lib/entrepot
USER 65534:65534
WORKDIR /
VOLUME /var/lib/entrepot
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["entrepot", "health"]
ENTRYPOINT ["entrepot"]
CMD ["up"]
