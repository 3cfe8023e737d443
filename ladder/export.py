"""`vae-ladder export`: the model of a run for other programs, as ONNX files or in the Hugging Face hub's layout."""

from foundation.console import make_console, say, step_display
from foundation.errors import InputError
from foundation.runs import open_run
from ladder.options import Export
from paper.export import save_hub, save_onnx
from paper.models.registry import open_model


def export(choices: Export) -> int:
    """Write the files and say where they are. The exit code."""
    console = make_console()
    if choices.to.exists() and not choices.to.is_dir():
        raise InputError(f"to: expected a folder, got {choices.to}, a file")
    model = open_model(open_run(choices.run).choose(choices.weights))
    with step_display(console, "exporting"):
        if choices.format == "onnx":
            paths = [*save_onnx(model, choices.to)]
        else:
            paths = sorted(save_hub(model, choices.to).glob("*.*"))
    for path in paths:
        say(console, f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0
