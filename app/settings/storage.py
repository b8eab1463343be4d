"""Settings of where state is kept: the database, the queue and the files; by default, in a folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from app.settings.urls import DatabaseUrl, HttpUrl, RedisUrl, StorageUrl


class StorageSettings(BaseModel):
    """Storage. Special characters in the passwords of URLs are percent-encoded."""

    data_dir: Path = Field(
        Path("data"),
        description="Folder of the database, the queue and the files, unless a URL below is set, and of models "
        "that were downloaded.",
    )
    graph_cache_dir: Path | None = Field(
        None,
        description="Folder of networks compiled for this processor, which make the next start faster; by default "
        "`graphs` in the folder above. Processes on machines of different processors may share it.",
    )
    database_url: DatabaseUrl | None = Field(
        None,
        repr=False,
        description="`postgresql://user:password@host/name` for the jobs and their queue, or `sqlite:///` and a path.",
    )
    database_url_file: Path | None = Field(None, description="File with this URL.")
    redis_url: RedisUrl | None = Field(
        None, repr=False, description="`redis://host:6379/0` for the queue and the rate limits."
    )
    redis_url_file: Path | None = Field(None, description="File with this URL.")
    storage_url: StorageUrl | None = Field(
        None, repr=False, description="`s3://bucket/prefix`, or `file:///` and a folder that all processes share."
    )
    s3_endpoint_url: HttpUrl | None = Field(None, description="Address of an S3 service that is not Amazon's.")

    @property
    def ledger_url(self) -> str:
        """URL of the jobs' database."""
        from sqlalchemy import URL  # imported here: most commands need no database

        file = str(self.data_dir.resolve() / "jobs.sqlite")
        return self.database_url or URL.create("sqlite", database=file).render_as_string()

    @property
    def blobs_url(self) -> str:
        """URL of the file storage."""
        return self.storage_url or (self.data_dir.resolve() / "blobs").as_uri()

    @property
    def model_cache_dir(self) -> Path:
        """Folder of downloaded model versions."""
        return self.data_dir.resolve() / "models"

    @property
    def graphs_dir(self) -> Path:
        """Folder of compiled networks."""
        return self.graph_cache_dir or self.data_dir.resolve() / "graphs"
