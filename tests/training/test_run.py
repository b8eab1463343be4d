"""A training in a folder: stopped anywhere, it goes on to the same result, to the bit."""

import json
from itertools import count

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from test_trainer import Poisoned
from tiny_training import make_run, same

import app.training.trainer
from app.training.checkpoint import Checkpoint
from app.training.run import Run, UnusableRun


def take(run, steps):
    """The first steps of a run, which is then given up as an interrupted process gives it up."""
    iterator = run.steps()
    taken = [next(iterator) for _ in range(steps)]
    iterator.close()
    return taken


def series(folder):
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def checkpoint(folder):
    return Checkpoint.load(folder / "checkpoint.safetensors")


@pytest.fixture(scope="module")
def undisturbed(inputs, tmp_path_factory):
    """The folder of a training of 8 steps that nothing has stopped."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed")
    run = make_run(inputs, folder)
    assert not run.resume()
    assert [step.step for step in run.steps()] == list(range(1, 9))
    return folder


def test_a_run_leaves_its_state_its_losses_and_a_sheet(undisturbed, inputs):
    assert checkpoint(undisturbed).step == 8
    assert [line["step"] for line in series(undisturbed)] == list(range(1, 9))
    assert set(series(undisturbed)[0]) == {"step", "total", "style", "content", "traces"}
    with Image.open(undisturbed / "sheets" / "0000008.jpg") as sheet:
        assert sheet.size == (48, 3 * 32)  # the photo, and below it both styles


def test_a_checkpoint_holds_everything_as_float32_without_pickle(undisturbed):
    with safe_open(undisturbed / "checkpoint.safetensors", "pt") as file:
        names = list(file.keys())
        assert set(file.metadata()) == {"step", "retreats", "recipe", "targets"}
        assert {file.get_tensor(name).dtype for name in names} == {torch.float32}
    parameters = [name for name in names if name.split(".")[0] in ("generator", "rows")]
    kinds = {f"{kind}.{name}" for kind in ("average", "exp_avg", "exp_avg_sq") for name in parameters}
    assert set(names) == {*parameters, *kinds, "draws.rows.gamma", "draws.rows.beta"}


@pytest.mark.parametrize("stops", [(1,), (3, 2), (1, 1, 1, 1)])
def test_an_interrupted_run_continues_to_the_same_result(inputs, tmp_path, undisturbed, stops):
    for steps in stops:
        run = make_run(inputs, tmp_path)
        run.resume()
        take(run, steps)
    last = make_run(inputs, tmp_path)
    assert last.resume()
    assert last.trainer.step == sum(stops)
    list(last.steps())
    assert same(checkpoint(tmp_path), checkpoint(undisturbed))
    assert (tmp_path / "losses.jsonl").read_bytes() == (undisturbed / "losses.jsonl").read_bytes()


def test_a_stopped_run_continues_to_the_same_result(inputs, tmp_path, undisturbed):
    run = make_run(inputs, tmp_path)
    for step in run.steps():
        if step.step == 5:
            run.trainer.stop()
    assert checkpoint(tmp_path).step == 5
    again = make_run(inputs, tmp_path)
    again.resume()
    list(again.steps())
    assert same(checkpoint(tmp_path), checkpoint(undisturbed))


def test_steps_after_the_last_checkpoint_are_done_again_and_counted_once(inputs, tmp_path, undisturbed):
    """What a killed process leaves: a checkpoint, losses of later steps, and half a line."""
    take(make_run(inputs, tmp_path), 3)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    run = make_run(inputs, tmp_path)
    run.resume()
    take(run, 2)
    (tmp_path / "checkpoint.safetensors").write_bytes(kept)
    with (tmp_path / "losses.jsonl").open("a") as file:
        file.write('{"step": 6, "tot')
    again = make_run(inputs, tmp_path)
    assert again.resume()
    list(again.steps())
    assert same(checkpoint(tmp_path), checkpoint(undisturbed))
    assert series(tmp_path) == series(undisturbed)


def test_losses_without_a_checkpoint_are_forgotten(inputs, tmp_path):
    (tmp_path / "losses.jsonl").write_text('{"step": 1, "total": 9, "style": 9, "content": 9}\n')
    run = make_run(inputs, tmp_path)
    assert not run.resume()
    take(run, 2)
    assert [line["step"] for line in series(tmp_path)] == [1, 2]
    assert series(tmp_path)[0]["total"] != 9


def test_an_exception_within_a_step_leaves_the_last_checkpoint(inputs, tmp_path):
    """The state in memory may be half a step ahead of itself."""
    take(make_run(inputs, tmp_path), 2)
    run = make_run(inputs, tmp_path)
    run.resume()
    advance = run.trainer.update_average
    run.trainer.update_average = lambda: (_ for _ in ()).throw(MemoryError) if run.trainer.step == 4 else advance()
    with pytest.raises(MemoryError):
        list(run.steps())
    assert checkpoint(tmp_path).step == 2


def test_losses_of_steps_that_the_guard_took_back_are_forgotten(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(app.training.trainer, "GOOD_STATE_STEPS", 3)
    run = make_run(inputs, tmp_path)
    run.trainer.objective = Poisoned(run.trainer.objective, calls={6})
    steps = [step.step for step in run.steps()]
    assert steps == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8]
    assert [line["step"] for line in series(tmp_path)] == list(range(1, 9))
    assert checkpoint(tmp_path).retreats == 1
    again = make_run(inputs, tmp_path)
    again.resume()
    assert again.trainer.retreats == 1


def test_checkpoints_and_sheets_come_at_their_intervals(inputs, tmp_path):
    seconds = iter(range(1000))
    trainer = make_run(inputs, tmp_path).trainer
    run = Run(
        tmp_path,
        trainer,
        lambda: Image.new("RGB", (8, 8)),
        checkpoint_seconds=4,
        sheet_seconds=9,
        clock=lambda: next(seconds),
    )
    saved = []
    save = run.save
    run.save = lambda: saved.append(trainer.step) or save()
    list(run.steps())
    assert saved[-1] == 8
    assert 2 <= len(saved) <= 5
    sheets = sorted(path.name for path in (tmp_path / "sheets").iterdir())
    assert sheets[-1] == "0000008.jpg"
    assert len(sheets) >= 2


def test_sheets_that_take_long_are_drawn_seldom(inputs, tmp_path):
    seconds = count()
    trainer = make_run(inputs, tmp_path).trainer

    def draw():
        for _ in range(60):
            next(seconds)
        return Image.new("RGB", (8, 8))

    list(Run(tmp_path, trainer, draw, sheet_seconds=3, clock=lambda: next(seconds)).steps())
    sheets = sorted(path.stem for path in (tmp_path / "sheets").iterdir())
    assert len(sheets) == 2  # a minute is 3 % of more time than there is; the last one comes in any case
    assert sheets[-1] == "0000008"


def test_a_stopped_run_does_not_wait_for_a_sheet(inputs, tmp_path):
    trainer = make_run(inputs, tmp_path).trainer
    run = Run(tmp_path, trainer, lambda: Image.new("RGB", (8, 8)))
    for step in run.steps():
        if step.step == 3:
            trainer.stop()
    assert checkpoint(tmp_path).step == 3
    assert list((tmp_path / "sheets").iterdir()) == []


def test_a_checkpoint_is_replaced_whole(inputs, tmp_path, monkeypatch):
    run = make_run(inputs, tmp_path)
    take(run, 2)

    def killed(*_arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(OSError, match="full"):
        run.save()
    assert checkpoint(tmp_path).step == 2


@pytest.mark.parametrize(
    ("members", "named"),
    [({"batch": 4}, "batch"), ({"seed": 4, "crop": 96}, "seed, crop"), ({"average": 0.5}, "average")],
)
def test_a_run_of_another_recipe_is_refused_by_the_members_that_differ(inputs, undisturbed, members, named):
    with pytest.raises(UnusableRun, match=rf"another recipe \({named}\)"):
        make_run(inputs, undisturbed, **members).resume()


def test_a_run_of_other_styles_is_refused(inputs, undisturbed):
    run = make_run(inputs, undisturbed)
    run.trainer.targets = ("dots", "waves")
    with pytest.raises(UnusableRun, match=r"other targets \(dots, stripes\)"):
        run.resume()


def test_more_steps_may_be_asked_for(inputs, undisturbed, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes((undisturbed / "checkpoint.safetensors").read_bytes())
    run = make_run(inputs, tmp_path, steps=10)
    assert run.resume()
    assert [step.step for step in run.steps()] == [9, 10]


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_a_checkpoint_that_cannot_be_read_is_refused(inputs, tmp_path, content):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(UnusableRun, match="cannot be read"):
        make_run(inputs, tmp_path).resume()


def test_a_checkpoint_with_a_recipe_of_another_time_is_refused(inputs, tmp_path):
    state = make_run(inputs, tmp_path).trainer.checkpoint()
    Checkpoint(1, 0, '{"epochs": 3}', state.targets, state.tensors).save(tmp_path / "checkpoint.safetensors")
    with pytest.raises(UnusableRun, match="cannot be read"):
        make_run(inputs, tmp_path).resume()
