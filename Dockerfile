# Minions as a container: the server (`serve`), a further worker (`work`), or any other command of `minions --help`.
# Boxes are made of namespaces, so the container must be let make some: docs/operating.md says with which options.

# The image of 4 August 2026 for all its processors. To move on: `docker buildx imagetools inspect debian:bookworm-slim`
# says the newest digest; to begin with another base that has apt, `--build-arg BASE=…`.
ARG BASE=debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip \
 && pip install --break-system-packages --no-cache-dir uv==0.13.8
WORKDIR /opt/minions
ENV UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
# What others wrote comes first: a change of ours leaves that layer as it is.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --no-install-project --no-cache --extra traces --extra slack
COPY app app
COPY blueprints blueprints
RUN uv sync --locked --no-dev --no-editable --no-cache --extra traces --extra slack

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates python3 git bubblewrap ripgrep socat util-linux libseccomp2 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && useradd --create-home --uid 10001 minions \
 && install -d -o minions -g minions /var/lib/minions
COPY --from=build /opt/minions/.venv /opt/minions/.venv
ENV PATH=/opt/minions/.venv/bin:$PATH MINIONS_HOME=/var/lib/minions MINIONS_HOST=0.0.0.0
USER minions
VOLUME /var/lib/minions
EXPOSE 8030
ENTRYPOINT ["tini", "--", "minions"]
CMD ["serve"]
