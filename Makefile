# The few commands that people use. Each is one line, so it can be typed as well.
.PHONY: demo up test fast lint format

demo:  ## the whole life of the sample inbox
	uv run tanggap demo

up:  ## the desk, for real work
	uv run tanggap up

test:  ## everything
	uv run pytest

fast:  ## without real servers, kill tests and browsers
	uv run pytest -m "not slow"

lint:  ## what .ci/run checks before the tests
	uv run ruff check . && uv run ruff format --check . && uv run mypy && uv run lint-imports && uv run squawk db/migrations/versions/*.sql

format:
	uv run ruff check --fix . ; uv run ruff format .
