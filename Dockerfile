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
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/build/bin/pip --python /opt/sidecar/bin/python install \
      --quiet --no-compile --require-hashes -r "${REQUIREMENTS}"


FROM dependencies AS runtime
COPY image/collect_runtime.py image/
RUN python3 image/collect_runtime.py /opt/sidecar /runtime


FROM runtime AS bom
COPY pyproject.toml ./
COPY image image
ARG REQUIREMENTS=requirements.lock
RUN python3 -m image.sbom --root /runtime --venv /opt/sidecar --lock "${REQUIREMENTS}" --output /sbom.json


FROM dependencies AS build
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
# With a fixed time for its files the same source makes the same wheel, byte for byte.
ARG SOURCE_DATE_EPOCH
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir /wheel .


FROM scratch AS wheel
COPY --from=build /wheel /


FROM build AS package
# Byte code that trusts its source: nothing is written or compared at run time, on a read-only root too.
RUN /opt/build/bin/pip --python /opt/sidecar/bin/python install \
      --quiet --no-compile --no-deps --no-index --prefix /opt/package /wheel/*.whl && \
    python3 -m compileall -q -s /opt/package -p /opt/sidecar --invalidation-mode unchecked-hash /opt/package/lib


FROM scratch
COPY --from=runtime /runtime /
COPY --from=package /opt/package /opt/sidecar
COPY --from=bom /sbom.json /opt/sidecar/sbom.json
COPY healthcheck.py /opt/sidecar/healthcheck.py
# One arena of the C library: memory that one thread frees is used by all, 1 MB less in all.
ENV PATH=/opt/sidecar/bin:/usr/local/bin:/usr/bin \
    MALLOC_ARENA_MAX=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/sidecar
VOLUME /var/lib/sidecar
EXPOSE 9787
# Isolated and without site-packages: the check is standard library only and starts faster so.
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["python3", "-IS", "/opt/sidecar/healthcheck.py"]
ENTRYPOINT ["sidecar"]
CMD ["run"]
# What the image was made of; scripts/release gives the arguments.
ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="sidecar" \
      org.opencontainers.image.description="A container health watchdog for docker-compose stacks around an Electron Cash wallet daemon" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}"
