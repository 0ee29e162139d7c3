# syntax=docker/dockerfile:1
#
# Two images of one program:
#   docker build .                          the server alone, for a PostgreSQL that runs elsewhere (DATABASE_URL); what compose.yaml and deploy/ use
#   docker build --target=standalone .      with PostgreSQL's programs in it, which it runs itself on a volume; what fly.toml uses
#
# `cargo xtask test` runs the cargo commands below as they stand here (step `release`), and checks the rest (step `packages`).

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# For the allocator, which is written in C.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
# The toolchain's parts that rust-toolchain.toml names and the base image lacks, in a layer that changes with that file alone.
COPY rust-toolchain.toml ./
RUN rustup toolchain install
COPY . .
# The build's own folder is kept between builds, outside the image; so the program is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin posthaste \
    && install -D target/release/posthaste /out/posthaste \
    && install -d /out/data


# Debian 13 has PostgreSQL 17. The program is built for an older glibc than this one's, which is all that it asks of either.
FROM debian:trixie-slim AS standalone
# Without the cluster that Debian makes when it installs a server: the node makes its own, on its volume.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common util-linux \
    && sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
    && apt-get install --yes --no-install-recommends postgresql-17 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --user-group --home-dir /var/lib/posthaste --create-home posthaste
COPY --from=build /out/posthaste /usr/local/bin/posthaste
COPY --chmod=0755 deploy/standalone.sh /usr/local/bin/standalone
ENV POSTHASTE_DATA_DIR=/var/lib/posthaste \
    POSTHASTE_GATEWAY_LISTEN=0.0.0.0:8080 \
    POSTHASTE_EMBEDDED_DOWNLOAD=false
EXPOSE 8080 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/posthaste", "health"]
# Root for a moment only: the script gives a new volume to the user posthaste, and becomes that user.
ENTRYPOINT ["/usr/local/bin/standalone"]
CMD ["serve"]


# No shell and no packages: glibc, libgcc, certificates, and a user without privileges (65532).
FROM gcr.io/distroless/cc-debian12:nonroot AS posthaste
COPY --from=build /out/posthaste /usr/local/bin/posthaste
# Where it keeps the key it makes for signing secrets, unless `secrets.key` is given: mount a volume here then.
COPY --from=build --chown=65532:65532 /out/data /var/lib/posthaste
ENV POSTHASTE_DATA_DIR=/var/lib/posthaste \
    POSTHASTE_GATEWAY_LISTEN=0.0.0.0:8080 \
    POSTHASTE_EMBEDDED_DOWNLOAD=false
EXPOSE 8080 50051
STOPSIGNAL SIGTERM
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/posthaste", "health"]
ENTRYPOINT ["/usr/local/bin/posthaste"]
CMD ["serve"]
