# Podman 5.4 of Debian 13. The packages are only unpacked: that is enough to run it, and takes half the time of installing.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE} AS packages
RUN for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources; do \
        if [ -f "$list" ]; then sed -i 's/bookworm/trixie/g' "$list"; fi; \
    done && \
    apt-get -qq update && mkdir /packages /unpacked && touch /no-packages && \
    apt-get -qq -o Dir::State::status=/no-packages -o Dir::Cache::archives=/packages \
    --yes --no-install-recommends --download-only install \
    base-files coreutils dash podman runc netavark aardvark-dns iptables catatonit >/dev/null && \
    rm -f /packages/perl* /packages/systemd* /packages/debconf* && \
    for package in /packages/*.deb; do dpkg-deb --extract "$package" /unpacked || exit 1; done && \
    ln -s xtables-nft-multi /unpacked/usr/sbin/iptables && \
    ln -s xtables-nft-multi /unpacked/usr/sbin/ip6tables && \
    rm -rf /unpacked/usr/share/doc /unpacked/usr/share/man /unpacked/usr/share/locale

FROM scratch
COPY --from=packages /unpacked /
COPY containers.conf policy.json /etc/containers/
COPY start-podman /usr/local/bin/
VOLUME /var/lib/containers
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
ENTRYPOINT ["start-podman"]
