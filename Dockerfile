# aisle as a service. With the small CPU build of torch: docker build --build-arg PIP_EXTRA_INDEX_URL=... -t aisle .
# (the README says what goes there); without it the image carries CUDA, several gigabytes more.
FROM python:3.11-slim

ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

WORKDIR /opt/aisle
COPY requirements.lock ./
RUN pip install -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY taxonomy taxonomy
COPY indexer indexer
COPY service service
RUN pip install --no-deps --no-build-isolation .

RUN useradd --system --create-home --uid 10001 aisle && install --directory --owner aisle /index
USER aisle
WORKDIR /home/aisle
VOLUME /index
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=2)"]

ENTRYPOINT ["aisle"]
CMD ["serve", "--index", "/index", "--host", "0.0.0.0"]
