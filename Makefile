# `make run` starts Behflow, `make test` tests it. Each makes what it needs.

PYTHON ?= python3
PORT ?= 8000
export PORT

python := .venv/bin/python

# How often `make faults` does to Behflow all that it has to survive.
FAULTS ?= 3

.PHONY: run test test-psycopg3 test-django61 faults bench lint messages

run: .venv/run .env
	@exec $(python) manage.py up --demo --port $(PORT)

# How many tests run at once. Many wait for a process or a time, so there may be more than cores.
JOBS ?= 4
pytest = -m pytest --numprocesses $(JOBS) --dist worksteal

test: .venv/dev .env
	DATABASE_URL=sqlite:///test.sqlite3 $(python) $(pytest)
	$(python) .ci/with_postgresql.py $(python) $(pytest)

# On the newest Django and the newest Python of this machine, without the faults. Here coverage is
# measured, of forked workers and started commands too; pyproject.toml says how much there must be.
test-django61: .venv/django61/dev .venv/dev .env
	$(python) .ci/with_postgresql.py .venv/django61/bin/python $(pytest) --ignore automation/tests/faults \
		--cov --cov-report=term:skip-covered

# By the other driver: what listens, prepares, locks, cuts short or reads what a driver says.
PSYCOPG3 ?= $(addprefix automation/tests/,test_statements.py test_composable.py test_database.py \
	test_session.py test_cluster.py test_claims.py test_launch.py test_locked_rows.py test_runner.py \
	test_admin.py test_admin_execution_list.py faults) behflow/tests/test_environment.py

test-psycopg3: .venv/psycopg3/dev .env
	$(python) .ci/with_postgresql.py .venv/psycopg3/bin/python $(pytest) $(PSYCOPG3)

faults: export FAULTS_DONE = 10000
faults: .venv/dev .env
	@for run in $$(seq $(FAULTS)); do \
		echo "Run $$run of $(FAULTS)"; \
		DATABASE_URL=sqlite:///test.sqlite3 $(python) -m pytest -q automation/tests/faults && \
		$(python) .ci/with_postgresql.py $(python) -m pytest -q automation/tests/faults || exit 1; \
	done

# Beside django-q2 and Celery (with Redis, where redis-server is at hand), in one run.
BENCH ?= --rounds 3

bench: .venv/bench .env
	$(python) .ci/with_postgresql.py $(python) benchmarks/engine.py $(BENCH)

lint: .venv/dev .env
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy .
	.venv/bin/lint-imports

# The translations: what the source says now into the .po files, and those into .mo files.
messages: catalogues = */locale/fa/LC_MESSAGES/django.po
messages: .venv/dev .env
	$(python) manage.py makemessages --locale fa --no-location --no-obsolete
	sed -i.old '/^"POT-Creation-Date/d' $(catalogues) && rm $(catalogues:=.old)
	$(python) manage.py compilemessages --locale fa --ignore '.venv/*/locale'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed. Debian: apt install python3 python3-venv." \
		     "macOS: brew install python@3.13. Then, if need be: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "python3 -m venv does not work here. Debian: apt install python3-venv."; exit 1; }

.venv/run: requirements.txt | .venv/bin/python
	$(python) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev: requirements.txt requirements-dev.txt | .venv/bin/python
	$(python) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/run

# Django takes psycopg 3 wherever it is installed, though psycopg2 is too.
.venv/psycopg3/dev: requirements.txt requirements-dev.txt Makefile | .venv/dev
	$(python) -m venv .venv/psycopg3
	.venv/psycopg3/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt 'psycopg[binary]==3.3.9'
	@touch $@

# Under a name, or where pyenv keeps it.
.venv/django61/bin/python: | .venv/bin/python
	@for python in python3.13 ~/.pyenv/versions/3.13*/bin/python \
			python3.12 ~/.pyenv/versions/3.12*/bin/python; do \
		"$$python" -c pass 2>/dev/null || continue; \
		"$$python" -m venv .venv/django61 && exit 0; \
		rm -rf .venv/django61; \
	done; \
	echo "Python 3.13 or 3.12 is needed, with venv, for the newest Django."; exit 1

# pip would refuse both pins in one call.
.venv/django61/dev: requirements.txt requirements-dev.txt Makefile | .venv/django61/bin/python
	.venv/django61/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	.venv/django61/bin/python -m pip install --quiet --disable-pip-version-check django==6.1.3
	@touch $@

.venv/bench: requirements.txt requirements-dev.txt benchmarks/requirements.txt | .venv/bin/python
	$(python) -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@ .venv/dev .venv/run

.env: | .venv/bin/python
	@umask 077 && key=$$($(python) -c 'import secrets; print(secrets.token_urlsafe(50))') && \
		sed "s|^SECRET_KEY=.*|SECRET_KEY=$$key|" .env.example > .env
	@echo "Settings: .env, made from .env.example with a fresh SECRET_KEY."
