# syntax=docker/dockerfile:1

# The Python that constraints.txt was made with. For a build that can be repeated, name its digest:
# --build-arg BASE=docker.io/library/python:3.11-slim-bookworm@sha256:...
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
# Where torch comes from. CPU wheels by default; for CUDA: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv/pastiche
# Slowest and rarest change first: torch, then the other packages, then our sources.
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-compile ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} -c constraints.txt \
        "$(grep '^torch==' constraints.txt)"
# An editable installation points to app/, which is not here yet; so a change of the sources leaves this layer alone.
# It wants the version, the licence and a readme.
COPY pyproject.toml LICENSE ./
COPY app/__init__.py app/
RUN --mount=type=cache,target=/root/.cache/pip \
    touch README.md && pip install --no-compile -c constraints.txt -e '.[s3,video,otel]'
# The installer is not needed any more, and much of what it installed is not either.
RUN --mount=type=bind,source=deploy/image,target=/mnt \
    pip uninstall --yes pip && python /mnt/slim.py
# What is in the virtual environment, as CycloneDX, listed by a tool from outside of it.
ARG CYCLONEDX=7.5.0
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/sbom && /opt/sbom/bin/pip install --no-compile "cyclonedx-bom==${CYCLONEDX}" \
    && /opt/sbom/bin/cyclonedx-py environment --output-reproducible -o sbom.cdx.json /opt/venv/bin/python
COPY app app

FROM ${BASE}
ARG REVISION=
LABEL org.opencontainers.image.title=pastiche \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.revision=${REVISION}
RUN groupadd --gid 10001 pastiche \
    && useradd --uid 10001 --gid pastiche --no-create-home --no-log-init --shell /usr/sbin/nologin pastiche \
    && install -d -o pastiche -g pastiche /data
COPY --from=build /opt/venv /opt/venv
COPY models /srv/pastiche/models
COPY --from=build /srv/pastiche /srv/pastiche
# On a read-only file system nothing can be compiled later.
RUN --mount=type=bind,source=deploy/image,target=/mnt \
    /opt/venv/bin/python /mnt/compile_imports.py
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PASTICHE_HOST=0.0.0.0 \
    PASTICHE_DATA_DIR=/data \
    MPLCONFIGDIR=/tmp
WORKDIR /srv/pastiche
# By number: Kubernetes' runAsNonRoot looks at nothing else.
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Readiness, not liveness: what waits for a healthy container wants one that can paint, and one that cannot for three
# checks in a row gains from the restart that Swarm gives it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "app.healthcheck"]
CMD ["pastiche", "serve"]
