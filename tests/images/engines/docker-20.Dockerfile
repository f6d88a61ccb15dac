# Docker 20.10 of Debian 12: the oldest that Sidecar supports.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends docker.io iptables >/dev/null && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY start-docker /usr/local/bin/
VOLUME /var/lib/docker
ENTRYPOINT ["start-docker"]
