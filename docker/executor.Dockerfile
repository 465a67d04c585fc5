# An executor of Spark on Kubernetes: Spark's own image, with landuse and what it needs on top.
#   docker build -f docker/executor.Dockerfile -t landuse-executor .
# docs/cluster.md says how a run uses it. Its Python must be 3.11 or newer, and the minor version of the driver's.
FROM apache/spark:4.3.0-python3 AS build
USER 0
WORKDIR /src
COPY . .
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
    && sed -e '/^ /d' -e 's/ *\\$//' requirements.lock > /dist/constraints.txt
USER 185

FROM apache/spark:4.3.0-python3
USER 0
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    python3 -m pip install --no-cache-dir --constraint /dist/constraints.txt /dist/*.whl
USER 185
