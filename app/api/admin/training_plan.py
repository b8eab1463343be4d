"""What a training would do and cost: the response to a dry run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.jobs.job import Job
from app.jobs.training_params import TrainingParams
from app.training.recipe import MIN_STEPS, AddRecipe, Recipe

# Seconds a step of 2 crops of 256 x 256 pixels on two CPU cores, where nothing has been measured on this machine yet:
# `add`, and `full` by architecture. The orders of magnitude of benchmarks/quality/add_style.py and docs/log/compact.md.
STATED_ADD = 0.25
STATED_FULL = {"compact": 0.45, "johnson": 1.8, "paper": 1.8, "texture": 1.2, "ulyanov": 1.2}
STATED_REST_SECONDS = 30.0
USUAL_PIXELS = 2 * 256 * 256

Source = Literal["measured", "stated"]


class TrainingPlan(BaseModel):
    """What would happen."""

    dry_run: Literal[True] = True
    mode: str = Field(examples=["add"])
    model: str = Field(description="The model that gets a new version.", examples=["compact"])
    styles: list[str] = Field(examples=[["the_great_wave"]])
    recipe: dict[str, Any] = Field(
        description="The whole recipe; `add` takes the losses that its model was trained with.",
        examples=[{"steps": 240, "batch": 2, "crop": 256}],
    )
    photos: str = Field(description="What it would learn on.", examples=["825 photos", "the built-in pictures"])
    steps: int | None = Field(description="Null: as many as fit into `minutes`.", examples=[240])
    estimated_seconds: float = Field(description="Seconds from its beginning to its end.", examples=[90.0])
    estimated_from: Source = Field(
        description="`measured`: from the last training of this kind here. `stated`: for two CPU cores.",
        examples=["stated"],
    )
    trainings_before: int = Field(description="Queued or running trainings that come first.", examples=[0])
    would: list[str] = Field(description="Step by step.", examples=[["Train 1 style for compact."]])


def draw_plan(
    params: TrainingParams, recipe: AddRecipe | Recipe, photos: int, trainings_before: int, past: Iterable[Job]
) -> TrainingPlan:
    """Args: photos: how many there are; 0: the built-in images. past: finished trainings, newest first."""
    minutes = recipe.minutes if isinstance(recipe, AddRecipe) else None
    seconds, source = estimate(params, recipe, past)
    return TrainingPlan(
        mode=params.mode,
        model=params.model,
        styles=[painting.id for painting in params.paintings],
        recipe=recipe.model_dump(mode="json"),
        photos=f"{photos} photos" if photos else "the built-in pictures",
        steps=None if minutes else recipe.steps,
        estimated_seconds=round(seconds, 1),
        estimated_from=source,
        trainings_before=trainings_before,
        would=steps_of(params),
    )


def estimate(params: TrainingParams, recipe: AddRecipe | Recipe, past: Iterable[Job]) -> tuple[float, Source]:
    """Seconds of the whole job."""
    like = next((job for job in past if job.seconds_per_iteration and alike(params, job)), None)
    pace, rest = stated(recipe) if like is None else measured(like, recipe)
    source: Source = "stated" if like is None else "measured"
    if isinstance(recipe, AddRecipe) and recipe.minutes:
        return max(60 * recipe.minutes, rest + MIN_STEPS * pace), source
    return rest + recipe.steps * pace, source


def stated(recipe: AddRecipe | Recipe) -> tuple[float, float]:
    """Seconds of a step, proportional to its pixels, and of everything else."""
    usual = STATED_FULL[recipe.architecture] if isinstance(recipe, Recipe) else STATED_ADD
    return usual * pixels(recipe) / USUAL_PIXELS, STATED_REST_SECONDS


def measured(like: Job, recipe: AddRecipe | Recipe) -> tuple[float, float]:
    pace = like.seconds_per_iteration or 0.0
    steps = like.losses[-1]["iteration"] if like.losses else 0
    rest = max(0.0, seconds_of(like) - steps * pace)
    return pace * pixels(recipe) / pixels(type(recipe).model_validate(like.params["recipe"])), rest


def alike(params: TrainingParams, job: Job) -> bool:
    """Whether that training did the same kind of work."""
    done = TrainingParams.model_validate(job.params)
    kinds = {(made.mode, made.recipe.get("architecture", "compact")) for made in (params, done)}
    return len(kinds) == 1 and (params.mode == "full" or params.name == done.name)


def pixels(recipe: AddRecipe | Recipe) -> float:
    """Of a step."""
    return float(recipe.batch * recipe.crop**2)


def seconds_of(job: Job) -> float:
    return ((job.finished_at or 0) - (job.started_at or 0)) / 1000


def steps_of(params: TrainingParams) -> list[str]:
    """In words."""
    styles = f"{len(params.paintings)} style{'s' if len(params.paintings) > 1 else ''}"
    trained = f"Train {styles} for {params.model}" if params.mode == "add" else f"Train {params.model} with {styles}"
    would = [
        f"{trained}, once the trainings before it on its device have ended.",
        "Pass the gates: losses and Gatys-equivalents on unseen images"
        + (", and that no other style has changed." if params.mode == "add" else "."),
        f"Publish it as the next version of {params.name}; as a candidate with its reasons if it has not passed.",
    ]
    if params.activate:
        when = "also if it has not passed" if params.force else "if it has passed"
        would.append(f"Make it the active version, {when}: every replica serves it within seconds.")
    return would
