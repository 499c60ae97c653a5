# Minions as a container: the server (`serve`), a further worker (`work`), or any other command of `minions --help`.
# Boxes are made of namespaces, so the container must be let make some:
#   docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined --security-opt apparmor=unconfined …
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-pip \
 && pip install --break-system-packages --no-cache-dir uv==0.13.8 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/minions
ENV UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY app app
COPY blueprints blueprints
RUN uv sync --locked --no-dev --no-editable --extra traces

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates python3 git bubblewrap ripgrep socat util-linux libseccomp2 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 minions \
 && install -d -o minions -g minions /var/lib/minions
COPY --from=build /opt/minions/.venv /opt/minions/.venv
ENV PATH=/opt/minions/.venv/bin:$PATH MINIONS_HOME=/var/lib/minions MINIONS_HOST=0.0.0.0
USER minions
VOLUME /var/lib/minions
EXPOSE 8030
ENTRYPOINT ["tini", "--", "minions"]
CMD ["serve"]
