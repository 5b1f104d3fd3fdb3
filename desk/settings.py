"""What can be set from outside: environment variables `TANGGAP_…`, or a `.env` file in the current directory.

`.env.example` lists them all with their meaning. Everything has a default that works on one machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from integrations.classifier.use import Use

PREFIX = "TANGGAP_"
ENV_FILE = ".env"
UTF_8 = "utf-8"
SLACK_TOKENS = ("slack_bot_token", "slack_app_token", "slack_signing_secret")
Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """A setting has a value that cannot be used; the text says which, why, and what would do."""


class Settings(BaseSettings):
    """The desk's settings. Durations are in seconds; paths are made absolute against the current directory."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding=UTF_8,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Path(".tanggap")
    """All local state: the embedded database, Prefect's home, logs, locks."""

    database_url: SecretStr | None = None
    """The desk's PostgreSQL; None for the embedded one. Secret, since it may hold a password."""

    prefect_database_url: SecretStr | None = None
    """Where `up` keeps Prefect's own tables; None for a database `prefect` beside the desk's."""

    policy_dir: Path | None = None
    """A company's own copy of the rules (`tanggap policy init DIR`); None for the shipped ones."""

    policy_overlay: Path | None = None
    """A directory whose files stand in for the policy's of the same name; the demo has one with delays in seconds."""

    model: Use = Use.FULL
    """How much of the trained model works beside the rules: `full`, `light` (without the encoder), `off`."""

    prefect_port: Port = 4200
    gateway_port: Port = 8472
    gateway_host: str = "127.0.0.1"
    public_url: str | None = None
    """How people reach the gateway from outside, for links in messages; None for its own host and port."""

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    """Where Slack's Web API answers; another one only for a server to try things on."""

    llm_key: SecretStr | None = None
    """The key of the language model that llm.yaml names; None where its server asks for none."""

    metrics_token: SecretStr | None = None
    """Who shows it (`Authorization: Bearer …`) may read `/metrics`; None: nobody."""

    shift_seconds: Annotated[float, Field(ge=5, le=86_400)] = 900
    """How long a stage's run stays on duty before the next one relieves it."""

    worker_query_seconds: Annotated[float, Field(ge=0.5, le=60)] = 3
    """How often the worker asks for runs that are due. Shorter starts a review sooner, and costs idle CPU."""

    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], NoDecode] = "INFO"
    debug: bool = False
    """Stack traces instead of one line, and Prefect's own logging at DEBUG."""

    @field_validator("home", "policy_dir", "policy_overlay")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url", "prefect_database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgres://", "postgresql:", "postgresql+")):
            raise ValueError("the desk runs on PostgreSQL only: postgresql://USER:PASSWORD@HOST:5432/DATABASE")
        return value

    @model_validator(mode="before")
    @classmethod
    def _as_slack_calls_them(cls, given: dict[str, object]) -> dict[str, object]:
        """Slack's own tools read its tokens from variables without a prefix; here they count where ours are not set."""
        found = {name: os.environ.get(name.upper()) for name in SLACK_TOKENS if not given.get(name)}
        return given | {name: value for name, value in found.items() if value}

    @field_validator("slack_api_url")
    @classmethod
    def _ends_in_a_slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https:// is needed")
        return value.rstrip("/") + "/"

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https:// is needed")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _two_ports(self) -> "Settings":
        if self.prefect_port == self.gateway_port:
            raise ValueError(
                f"Prefect and the gateway cannot both have port {self.gateway_port}; give one of them another"
            )
        return self

    @property
    def gateway_url(self) -> str:
        """Where people find the gateway: `public_url`, else its own host and port. Without a final slash."""
        host = "127.0.0.1" if self.gateway_host in ("0.0.0.0", "::") else self.gateway_host  # noqa: S104 – compared, not bound
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.gateway_port}"

    @property
    def prefect_url(self) -> str:
        """The Prefect server that `up` runs: its UI. Without a final slash."""
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def prefect_api_url(self) -> str:
        """The API of the Prefect server that `up` runs."""
        return f"{self.prefect_url}/api"

    def environment(self) -> dict[str, str]:
        """The settings that were given, and home, as variables for a child process in whatever directory."""
        values = {"home": str(self.home)}
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is not None:
                values[name] = str(value.get_secret_value() if isinstance(value, SecretStr) else value)
        return {PREFIX + name.upper(): value for name, value in values.items()}


def read_environment() -> dict[str, str]:
    """The environment, and what a `.env` file in the current directory adds to it, under whatever name.

    A variable that is set wins over the file; an empty one counts as not set, as it does for the settings. The secrets
    of channels come from here (`integrations.channels.registry`), and so does what child processes see.

    Raises:
        SettingsError: the file is not UTF-8.
    """
    with _readable():
        written = DotEnvSettingsSource(
            Settings, env_file=ENV_FILE, env_file_encoding=UTF_8, case_sensitive=True, env_ignore_empty=True
        ).env_vars
    added = {name: value for name, value in written.items() if value}
    return {**added, **{name: value for name, value in os.environ.items() if value or name not in added}}


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise SettingsError(f"{Path(ENV_FILE).absolute()} is not UTF-8 text; save it as UTF-8.") from None


def read_settings(**overrides: object) -> Settings:
    """The settings from the environment and `.env`; `overrides` (a command's options) win, None counts as not given.

    Raises:
        SettingsError: with one line for each setting that cannot be used.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    with _readable():
        try:
            return Settings(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise SettingsError("\n".join(_line(found["loc"], found["msg"]) for found in error.errors())) from None


def _line(place: tuple[int | str, ...], message: str) -> str:
    """One sentence; the value itself stays out of it, since it may be a password."""
    message = message.removeprefix("Value error, ")
    if not place:
        return f"{message}."
    name = PREFIX + str(place[0]).upper()
    return f"{name} cannot be used: {message[:1].lower()}{message[1:]}."
