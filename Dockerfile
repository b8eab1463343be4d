# syntax=docker/dockerfile:1

# The Python that constraints.txt was made with.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# Where torch comes from. CPU wheels by default; for CUDA: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv/pastiche
# Slowest and rarest change first: torch, then the other packages, then our sources.
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --extra-index-url "${TORCH_INDEX}" -c constraints.txt "$(grep '^torch==' constraints.txt)"
# An editable installation points to app/, which is not here yet; so a change of the sources leaves this layer alone.
# It wants the version, the licence and a readme.
COPY pyproject.toml LICENSE ./
COPY app/__init__.py app/
RUN --mount=type=cache,target=/root/.cache/pip \
    touch README.md && pip install -c constraints.txt -e '.[s3,video]'
COPY app app
RUN python -m compileall -q app

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home pastiche && install -d -o pastiche /data
COPY --from=build /opt/venv /opt/venv
COPY models /srv/pastiche/models
COPY --from=build /srv/pastiche /srv/pastiche
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PASTICHE_HOST=0.0.0.0 \
    PASTICHE_DATA_DIR=/data \
    MPLCONFIGDIR=/tmp
WORKDIR /srv/pastiche
USER pastiche
VOLUME /data
EXPOSE 8000
# Readiness, not liveness: what waits for a healthy container wants one that can paint, and one that cannot for three
# checks in a row gains from the restart that Swarm gives it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "app.healthcheck"]
CMD ["pastiche", "serve"]
