"""The payload of a page: its numbers are the run's, they come back exactly, and nothing in it can become a script."""

import base64
import contextlib
import dataclasses
import html.parser
import json

import numpy as np
import pytest

from foundation.errors import InputError
from foundation.latents import kl_by_latent
from foundation.rung import encode_all
from ladder.explorer.page import bundle, inside_element, inside_script, render
from ladder.explorer.payload import LARGEST, base85, components, make_payload
from ladder.rungs import open_rung
from paper.models.options import VAEOptions
from tests.support.explored_runs import images, make_data, make_run
from tests.support.javascript import Modules


@pytest.fixture(scope="module")
def modules():
    with contextlib.closing(Modules()) as opened:
        yield opened


def payload_of(run, data=None, **choices):
    return make_payload([(run, data or make_data())], **choices)


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


# The numbers


def test_the_weights_come_back_in_the_page_to_the_last_bit(tmp_path, modules):
    run = make_run(tmp_path)
    modules(
        f"globalThis.run = {inside_script(payload_of(run)['runs'][0])}; globalThis.parameters = parameters_of(run); 0"
    )
    for name, value in open_rung(run).parameters().items():
        assert modules.json(f"parameters['{name}'].shape") == list(value.shape)
        assert np.array_equal(modules.get(f"parameters['{name}'].data"), value.ravel())


def test_half_says_what_it_costs(tmp_path, modules):
    run = make_run(tmp_path, scale=8.0)
    exact, half = payload_of(run)["runs"][0], payload_of(run, half=True)["runs"][0]
    assert len(half["weights"]) == pytest.approx(len(exact["weights"]) / 2, abs=5)
    assert (exact["half_error"], exact["dtype"], half["dtype"]) == (None, "float32", "float16")
    x_hat = []
    for one in (exact, half):
        modules(f"globalThis.run = {inside_script(one)}; 0")
        modules("globalThis.model = open_model(run.description, parameters_of(run)); 0")
        modules('globalThis.x = numbers_of(run.images.pixels, "uint8"); 0')
        x_hat.append(modules.get("model.mean(model.decode(model.encode(x).mu))"))
    changed = np.abs(x_hat[0] - x_hat[1]).max()
    assert half["half_error"] == pytest.approx(changed, rel=1e-2)
    assert 0 < changed < 0.01


def test_codes_and_facts_of_latents_are_those_of_the_rung(tmp_path):
    run, data = make_run(tmp_path), make_data()
    shown = payload_of(run)["runs"][0]
    mu, logvar = encode_all(open_rung(run), data.test.images, data.test.labels)
    assert np.array_equal(floats(shown["codes"]["mu"]), mu.ravel())
    assert np.array_equal(floats(shown["codes"]["logvar"]), logvar.ravel())
    assert shown["codes"]["labels"] == data.test.labels.tolist()
    assert shown["kl_per_latent"] == pytest.approx(kl_by_latent(mu, logvar).tolist())
    assert shown["active"] == (mu.astype(float).var(axis=0) > 0.01).tolist()
    assert shown["classes"] == ["ant", "bee", "cat"]
    assert shown["objective"]["likelihood"] == "bernoulli"
    assert shown["description"]["options"]["hidden_dims"] == [8]


def test_components_span_the_plane_of_the_largest_variance():
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    mu = rng.standard_normal((4000, 5)) * [3, 2, 0.1, 0.1, 0.1] @ basis.T + 7
    found = components(mu)
    assert np.allclose(found["mean"], mu.mean(0))
    for direction, true in zip(found["directions"], basis.T, strict=False):
        assert abs(np.dot(direction, true)) > 0.99
        assert max(direction, key=abs) > 0
    assert found["explained"] == pytest.approx([9 / 13, 4 / 13], abs=0.03)


def test_components_of_fewer_images_than_latents():
    found = components(np.random.default_rng(0).standard_normal((2, 5)))
    assert np.isfinite(found["directions"]).all()
    assert found["explained"] == pytest.approx([1, 0])


def test_pixels_travel_as_bytes_where_that_loses_nothing(tmp_path):
    run = make_run(tmp_path)
    shown = payload_of(run)["runs"][0]["images"]
    pixels = np.frombuffer(base64.b64decode(shown["pixels"]), np.uint8)
    test = images()
    assert shown["dtype"] == "uint8"
    assert sorted((pixels / np.float32(255)).tolist()) == sorted(test.images.ravel().tolist())
    odd = make_data(dataclasses.replace(test, images=test.images * np.float32(0.9)))
    shown = payload_of(run, odd)["runs"][0]["images"]
    assert shown["dtype"] == "float32"
    assert sorted(floats(shown["pixels"])) == sorted(odd.test.images.ravel())


def test_base85_has_no_letter_that_html_has_a_use_for():
    text = base85(np.arange(200_000, dtype=np.uint32) * np.uint32(2654435761))
    assert not set(text) & set("<>&\"'\\ ")
    assert len(set(text)) == 85


# Sizes


def test_the_default_model_fits_into_nine_megabytes_and_half_of_it_into_five(tmp_path):
    data = make_data(images(2000, (1, 28, 28)))
    run = make_run(tmp_path, VAEOptions(latent_dim=2), data)
    assert len(render(payload_of(run, data)).encode()) < 9_000_000
    assert len(render(payload_of(run, data, half=True)).encode()) < 5_000_000


def test_a_model_too_large_says_how_large_and_how_to_shrink_it(tmp_path):
    run = make_run(tmp_path)
    expected = r"parameters make a page of .* MB, expected at most 0 MB; --half .*--hidden-dims or --channels"
    with pytest.raises(InputError, match=expected):
        payload_of(run, largest=1000)
    with pytest.raises(InputError) as caught:
        payload_of(run, largest=1000, half=True)
    assert "--half" not in str(caught.value)
    assert LARGEST > 5 * 9_000_000


def test_weights_that_do_not_fit_float16_are_refused(tmp_path):
    run = make_run(tmp_path, scale=1e6)
    with pytest.raises(InputError, match="do not fit float16"):
        payload_of(run, half=True)


# Nothing becomes a script

EVIL = "</script><script>window.caught = 1</script><img src=x onerror='caught()'>\u2028\"'&<!--"


class Elements(html.parser.HTMLParser):
    """Every element that a parser of HTML finds, and the text in scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script" and self.scripts:
            self.scripts[-1] += data


def hostile(payload):
    """The payload with hostile text wherever a run's files or data can put text."""
    run = payload["runs"][0]
    return payload | {"title": EVIL, "runs": [run | {"name": EVIL, "caption": EVIL, "classes": [EVIL] * 3}]}


def test_hostile_text_makes_no_element(tmp_path):
    payload = payload_of(make_run(tmp_path))
    plain, attacked = Elements(render(payload)), Elements(render(hostile(payload)))
    assert attacked.found == plain.found
    (data,) = [text for text, (_, attributes) in zip(attacked.scripts, scripts(attacked), strict=True) if attributes]
    assert json.loads(data) == json.loads(json.dumps(hostile(payload)))


def scripts(page):
    return [element for element in page.found if element[0] == "script"]


def test_names_of_classes_from_the_folders_of_a_stranger(tmp_path):
    """Class folders and PNG metadata with markup in them: the metadata stay out, the names are data."""
    from PIL import Image, PngImagePlugin

    from foundation.data.splits import load_data
    from foundation.options import DataOptions

    name = "<img src=x onerror=caught()>"
    rng = np.random.default_rng(0)
    for label in (name, "b"):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for i in range(20):
            about = PngImagePlugin.PngInfo()
            about.add_text("Title", EVIL)
            Image.fromarray(rng.integers(0, 255, (28, 28), np.uint8)).save(folder / f"{i}<b>.png", pnginfo=about)
    options = DataOptions(name=str(tmp_path / "images"), validation=0.0)
    data = load_data(options)
    page = render(payload_of(make_run(tmp_path, data=data, data_options=options), data))
    assert name not in page
    assert "window.caught" not in page
    assert json.dumps(name.replace("<", "\\u003c").replace(">", "\\u003e")).replace("\\\\", "\\") in page
    assert Elements(page).found == Elements(render(payload_of(make_run(tmp_path / "plain")))).found


# One script from the modules


def bundled(**modules):
    return bundle("a.js", lambda name: modules[name.removesuffix(".js")])


def test_modules_become_one_script():
    from py_mini_racer import MiniRacer

    a = 'import { b as other, K } from "./b.js";\nimport "./c.js";\nconst own = 3;\n'
    a += "globalThis.found = other(own) + K;\n"
    b = "export const K = 100;\nconst own = 1;\nexport function b(x) {\n  return 10 * x + own;\n}\n"
    c = "globalThis.seen = true;\n"
    engine = MiniRacer()
    engine.eval(bundled(a=a, b=b, c=c))
    assert engine.eval("found") == 131
    assert engine.eval("seen")
    assert engine.eval("typeof own") == "undefined"


@pytest.mark.parametrize(
    ("a", "message"),
    [
        ('import { x } from "./b.js";', "a.js: imports x, which b.js does not export"),
        ('import { b } from "./a.js";', "a.js: imports itself, by a.js → a.js"),
        ('import b from "./b.js";', "a.js: expected plain imports and exports"),
        ('const b = await import("./b.js");', "a.js: expected plain imports and exports"),
        ("export default 3;", "a.js: expected plain imports and exports"),
        ("export { b };", "a.js: expected plain imports and exports"),
    ],
)
def test_other_forms_of_imports_are_refused(a, message):
    with pytest.raises(InputError, match=message):
        bundled(a=a, b="export const b = 1;")


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"nothing\.js: missing from the explorer"):
        bundle("nothing.js")


@pytest.mark.parametrize("text", ["a </script> b", "a </SCRIPT", "<!-- a"])
def test_a_script_that_would_end_early_is_refused(text):
    with pytest.raises(InputError, match="script of the page"):
        inside_element(text, "script")


def test_json_in_a_script_is_the_same_value():
    value = {"a": EVIL, "b": [1.5, None, True], "글": "글"}
    assert json.loads(inside_script(value)) == value
    assert not set(inside_script(value)) & set("<>&\u2028")
    with pytest.raises(ValueError, match="Out of range"):
        inside_script(float("nan"))
