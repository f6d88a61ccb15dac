# Podman 4.3 of Debian 12: the oldest that Sidecar supports.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get -qq update && \
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    podman runc netavark aardvark-dns iptables catatonit >/dev/null && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY containers.conf policy.json /etc/containers/
COPY start-podman /usr/local/bin/
VOLUME /var/lib/containers
ENTRYPOINT ["start-podman"]
