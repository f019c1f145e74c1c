# The service as an image, for amd64 and arm64: Debian, the binary, ONNX Runtime, certificates, licences.
#
#   docker build -t glassbox .
#   docker buildx build --platform linux/amd64,linux/arm64 -t glassbox .
#   buildah bud --format docker -t glassbox .          (the format that knows health checks)
#
# Everything is built on the building machine's own processor, for the image's: nothing is emulated.
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS build
ARG TARGETARCH
# Another index for pip, if this network has one.
ARG PIP_INDEX_URL
WORKDIR /build
COPY docker/prepare.sh docker/prepare.sh
RUN docker/prepare.sh

COPY docker/fetch-onnxruntime.sh docker/onnxruntime.txt docker/
RUN docker/fetch-onnxruntime.sh /out/onnxruntime "$(cat platform)"

# The dependencies, against an empty program: this layer is built anew only when one of them changes.
COPY Cargo.toml Cargo.toml.whole
COPY Cargo.lock ./
RUN sed '/^\[\[/,/^$/d' Cargo.toml.whole >Cargo.toml && mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked --target "$(cat triple)"
COPY docker/collect-licences.sh docker/
RUN docker/collect-licences.sh "$(cat triple)" /out/licences

COPY models models
COPY src src
# Cargo goes by times, and these files may be older than the empty program.
RUN touch src/lib.rs src/main.rs && cargo build --release --locked --target "$(cat triple)" \
    && cp "target/$(cat triple)/release/glassbox" /out/ && install -d -m 770 /out/state

FROM ${DEBIAN_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/onnxruntime/libonnxruntime.so /usr/local/lib/
COPY --from=build /out/onnxruntime/LICENSE /out/onnxruntime/ThirdPartyNotices.txt /usr/share/doc/onnxruntime/
COPY --from=build /out/licences /usr/share/doc/glassbox/crates
COPY LICENSE* /usr/share/doc/glassbox/
COPY --from=build /out/glassbox /usr/local/bin/
# The one place that is written to: jobs, and the weights that sessions share. The rest may be read-only.
COPY --from=build --chown=10001:10001 /out/state /var/lib/glassbox
VOLUME /var/lib/glassbox
ENV ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so \
    GLASSBOX_MODELS__DIR=/models \
    GLASSBOX_MODELS__CACHE_DIR=/var/lib/glassbox/cache \
    GLASSBOX_JOBS__STORE=sqlite:/var/lib/glassbox/jobs.db
USER 10001:10001
WORKDIR /var/lib/glassbox
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["glassbox", "health"]
ENTRYPOINT ["glassbox"]
CMD ["serve"]
