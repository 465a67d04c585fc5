# The command line, with Spark for one machine and the Java that it needs.
#   docker build -f docker/cli.Dockerfile -t landuse .
#   docker run --rm -v "$PWD:/data" landuse classify survey/ --out map
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
# The wheel, and the versions that were tested.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist . \
    && sed -e '/^ /d' -e 's/ *\\$//' requirements.lock > /dist/constraints.txt

FROM python:3.11-slim
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    pip install --no-cache-dir --constraint /dist/constraints.txt /dist/*.whl \
    && useradd --uid 1000 --create-home planner && mkdir /data && chown 1000 /data
USER 1000
WORKDIR /data
ENTRYPOINT ["landuse"]
CMD ["--help"]
