# Written by `python -m tools.images dockerfiles` from tools/images/table.py.
# From the root of the project: buildah build -f images/operator.Dockerfile -t voicehub/operator .
# Pin PYTHON to a digest of your registry for builds that come out the same.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /source
COPY images/*.lock images/
RUN pip install --no-cache-dir --no-deps --require-hashes --prefix=/installed -r images/operator.lock
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels . \
 && pip install --no-cache-dir --no-deps --prefix=/installed /wheels/voicehub-*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="operator" \
      org.opencontainers.image.description="Makes Jobs of TrainingJobs" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 libstdc++6 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 voicehub && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/voicehub voicehub \
 && install -d -o 10001 -g 10001 /var/lib/voicehub
COPY --from=build /installed /usr/local
ENV HOME=/tmp \
    LANG=C.UTF-8 \
    OMP_NUM_THREADS=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VOICEHUB_DATA=/var/lib/voicehub
WORKDIR /var/lib/voicehub
USER 10001:10001
EXPOSE 8080 9090
ENTRYPOINT ["python3", "-m", "voicehub_operator"]
