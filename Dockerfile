# Any base with python3 (3.11 or newer), its venv module and a CA bundle: a slim Python image or a Debian.
ARG BASE_IMAGE=python:3.12-slim


FROM ${BASE_IMAGE} AS dependencies
# pip brings a CA list of its own; the base's bundle may know a proxy's certificate that pip's list cannot.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# pip and the build tools live in a venv of their own, so that the one shipped never holds them.
COPY requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/build && \
    /opt/build/bin/pip install --quiet --require-hashes -r requirements-build.lock && \
    python3 -m venv --without-pip /opt/sidecar
# requirements-s3.lock has what buckets of S3 need, too.
ARG REQUIREMENTS=requirements.lock
COPY ${REQUIREMENTS} ./
# Byte code that trusts its source: nothing is written or compared at run time, on a read-only root too.
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/build/bin/pip --python /opt/sidecar/bin/python install \
      --quiet --no-compile --require-hashes -r "${REQUIREMENTS}" && \
    find /opt/sidecar/lib -type d -name tests -prune -exec rm -r {} + && \
    python3 -m compileall -q --invalidation-mode unchecked-hash /opt/sidecar/lib


FROM dependencies AS package
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir /tmp/wheel . && \
    /opt/build/bin/pip --python /opt/sidecar/bin/python install \
      --quiet --no-compile --no-deps --no-index --prefix /opt/package /tmp/wheel/*.whl && \
    python3 -m compileall -q --invalidation-mode unchecked-hash /opt/package/lib


FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="sidecar" \
      org.opencontainers.image.description="A container health watchdog for docker-compose stacks around an Electron Cash wallet daemon" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 sidecar && \
    useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /var/lib/sidecar \
      --shell /usr/sbin/nologin sidecar && \
    install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/sidecar
ENV PATH=/opt/sidecar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/sidecar /opt/sidecar
COPY --from=package /opt/package /opt/sidecar
COPY healthcheck.py /opt/sidecar/healthcheck.py
# Slim Python images hold no byte code of the standard library; the part in use is compiled here, not at every start.
RUN PYTHONDONTWRITEBYTECODE='' sidecar version && \
    PYTHONDONTWRITEBYTECODE='' python3 -c 'import sidecar.app, sidecar.web.page.document, jinja2'
USER 10001:10001
WORKDIR /var/lib/sidecar
VOLUME /var/lib/sidecar
EXPOSE 9787
# Isolated and without site-packages: the check is standard library only and starts faster so.
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["python3", "-IS", "/opt/sidecar/healthcheck.py"]
ENTRYPOINT ["sidecar"]
CMD ["run"]
