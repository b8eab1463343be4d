"""The five papers that the service stands on, run and measured against what they claim.

Every part trains what it needs and measures it; what is finished is a line of OUT/PART.jsonl and is not measured again,
and trainings go on from their checkpoints in OUT/trainings. The small size takes some 15 minutes a part on two idle CPU
cores; --minutes-per-part makes its trainings longer or shorter, and --full is for a GPU or a night. Losses are balanced
(app/losses.py), total = style + 0.1 content, means over photos that no training saw.

    python -m benchmarks.papers --part all --out runs/papers --photos PHOTOS --paintings PAINTINGS \\
        --descriptor vgg19_distilled16x.safetensors
    python -m benchmarks.papers --part all --out runs/papers ... --report docs/papers.md

Without --photos, --paintings and --descriptor, the built-in pictures, the previews of the shipped model and its loss
network take their places. --report renders the parts that are finished and measures nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import torch

from app.registry.descriptors import SHIPPED_DESCRIPTOR
from app.training.paintings import UnusablePaintings
from app.training.photos import NoPhotos
from benchmarks.papers import cin as papers_cin
from benchmarks.papers import gatys as papers_gatys
from benchmarks.papers import johnson as papers_johnson
from benchmarks.papers import norm as papers_norm
from benchmarks.papers import texture as papers_texture
from benchmarks.papers.bench import Bench, OtherSetting, Setting, read_setting
from benchmarks.papers.notes import Notes
from benchmarks.papers.report import write
from benchmarks.papers.size import MINUTES, Size

# The first three have textures; the last one is the new style of the part cin, the others share a network there.
STYLES = ("starry_night", "great_wave", "pointillist_field", "composition_vii", "the_scream")


# Each has measure(bench, notes), report(notes) and draw(notes, folder), the plots' folder.
PARTS: Mapping[str, ModuleType] = {
    "gatys": papers_gatys,
    "texture": papers_texture,
    "johnson": papers_johnson,
    "norm": papers_norm,
    "cin": papers_cin,
}


FINISHED = "finished"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--out", type=Path, default=Path("runs/papers"), help="folder of this run, to be continued")
    parser.add_argument("--photos", type=Path, help="folder of photos; the built-in pictures else")
    parser.add_argument("--paintings", type=Path, help="folder of paintings, by style id; the shipped previews else")
    parser.add_argument("--descriptor", type=Path, help="loss network, a safetensors file; the shipped one else")
    parser.add_argument("--styles", nargs="+", default=STYLES, help="three at least")
    parser.add_argument("--full", action="store_true", help="the papers' numbers of steps, for a GPU or a night")
    parser.add_argument("--minutes-per-part", type=float, default=MINUTES, help="of the small size, on two idle cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--processor-seconds", action="store_true", help="time by processor seconds, on busy machines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, metavar="FILE", help="render the tables into FILE, plots beside it")
    args = parser.parse_args(arguments)
    if len(args.styles) < 3:
        parser.error("--styles wants three at least")
    return args


def setting_of(args: argparse.Namespace) -> Setting:
    return Setting(
        size="full" if args.full else "small",
        minutes=args.minutes_per_part,
        photos=str(args.photos) if args.photos else None,
        paintings=str(args.paintings) if args.paintings else None,
        descriptor=args.descriptor.stem if args.descriptor else SHIPPED_DESCRIPTOR,
        styles=tuple(args.styles),
        device=args.device,
        threads=args.threads,
        processor_seconds=args.processor_seconds,
        seed=args.seed,
    )


def measure(args: argparse.Namespace, parts: Sequence[str], size: Size | None) -> None:
    setting = setting_of(args)
    bench = Bench(setting, size or setting.measures, args.out, args.descriptor)
    for part in parts:
        notes = notes_of(args.out, part)
        PARTS[part].measure(bench, notes)
        notes.once(dict, what=FINISHED)
        PARTS[part].draw(notes, args.out)
        print(f"\n{PARTS[part].report(notes)}\n", flush=True)


def notes_of(out: Path, part: str) -> Notes:
    return Notes(out / f"{part}.jsonl")


def render(out: Path, parts: Sequence[str], document: Path) -> None:
    """Tables into the document and plots beside it, of the parts that have been measured to their ends."""
    notes = {part: found for part in parts if (found := notes_of(out, part)).rows(FINISHED)}
    about = read_setting(out).about
    plots = {part: f"![Plots of the part {part}](papers-{part}.png)" for part in notes}
    told = {part: f"{about}\n\n{PARTS[part].report(found)}\n\n{plots[part]}" for part, found in notes.items()}
    write(document, told)
    for part, found in notes.items():
        PARTS[part].draw(found, document.parent)


def main(arguments: Sequence[str] | None = None, size: Size | None = None) -> None:
    """Measure or report; in the size of the setting, if not in another one."""
    args = parse(arguments)
    parts = list(PARTS) if args.part == "all" else [args.part]
    if args.report:
        return render(args.out, parts, args.report)
    torch.set_num_threads(args.threads)
    try:
        measure(args, parts, size)
    except (OtherSetting, NoPhotos, UnusablePaintings) as error:
        raise SystemExit(f"papers: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("papers: stopped; the same command goes on from here.") from None


if __name__ == "__main__":
    main()
