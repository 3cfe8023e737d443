"""The explorer's page in a browser: it draws what the rungs compute, takes every input, and loads nothing."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foundation.data import load
from foundation.data.dataset import Dataset
from foundation.data.splits import Data
from foundation.errors import InputError
from foundation.options import TrainOptions
from foundation.runs import create_run
from tests.support.browser import levels, opened, pixels, settle, start_browser

pytest.importorskip("torch")

from ladder.explorer.page import bundle, render
from ladder.explorer.payload import make_payload
from paper.models.options import (
    AutoencoderOptions,
    BetaVAEOptions,
    CodesPriorOptions,
    ConditionalVAEOptions,
    HierarchicalOptions,
    IAFOptions,
    IWAEOptions,
    LatentDiffusionOptions,
    VAEOptions,
    VampPriorOptions,
    VQVAEOptions,
)
from paper.models.registry import make_model
from paper.rung import ModelRung
from tools.site.glossary import problems_of_terms

CONV = {"channels": (4, 6), "hidden_dims": (24,)}
GREY, COLOUR, LARGE = (1, 28, 28), (3, 16, 16), (3, 64, 64)
MODELS = {
    "vae": VAEOptions(latent_dim=2, **CONV),
    "line": VAEOptions(latent_dim=1, **CONV),
    "beta-vae": BetaVAEOptions(latent_dim=6, **CONV),
    "capacity": BetaVAEOptions(latent_dim=3, capacity=5.0, **CONV),
    "iwae": IWAEOptions(latent_dim=3, draws=4, **CONV),
    "cvae": ConditionalVAEOptions(latent_dim=2, **CONV),
    "completion": ConditionalVAEOptions(latent_dim=3, condition="upper-left", **CONV),
    "autoencoder": AutoencoderOptions(latent_dim=2, **CONV),
    "vq-vae": VQVAEOptions(codes=9, code_dim=4, channels=(4, 6)),
    "gaussian": VAEOptions(latent_dim=2, likelihood="gaussian-learned", **CONV),
    "continuous": VAEOptions(latent_dim=2, likelihood="continuous-bernoulli", network="mlp", hidden_dims=(30, 20)),
    "colour": VAEOptions(latent_dim=2, network="mlp", hidden_dims=(30,), activation="tanh"),
    "large": VAEOptions(latent_dim=4, channels=(4, 5, 6), hidden_dims=(16,), residual_blocks=1),
    "vampprior": VampPriorOptions(latent_dim=2, components=70, **CONV),
    "mixture": VampPriorOptions(latent_dim=3, components=5, components_are="mixture", **CONV),
    "hierarchical": HierarchicalOptions(latent_dim=3, top_dim=2, top_hidden_dim=8, **CONV),
    "iaf-vae": IAFOptions(latent_dim=3, flow_steps=3, flow_hidden_dim=12, **CONV),
    "cvae-learned": ConditionalVAEOptions(latent_dim=2, prior="learned", **CONV),
    "completion-learned": ConditionalVAEOptions(latent_dim=2, condition="top", prior="learned", **CONV),
    "codes-prior": CodesPriorOptions(codes=9, code_dim=4, channels=(4, 6), prior_channels=8, prior_layers=2),
}
SHAPES = {"colour": COLOUR, "large": LARGE}
CLASSES = tuple("0123456789")
HOSTILE = '<img src=x onerror="window.caught=1">\'&</script><b>'
WIDTHS = {"phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}, "wide": {}}
CLOSE = 1
"""Colours of 0 to 255 by which x_hat on the canvas may differ from a rung's."""


@pytest.fixture(scope="module")
def browser():
    with start_browser() as started:
        yield started


def data_of(shape, classes=CLASSES):
    """Test images: glyphs, or colour blots, whose pixels are k / 255."""
    if shape == GREY:
        part = load("glyphs", "test").subset(slice(0, 80))
        images, labels = part.images, part.labels
    else:
        rng = np.random.default_rng(0)
        images, labels = rng.random((40, *shape)), np.arange(40) % len(classes)
    exact = (np.rint(images * 255) / np.float32(255)).astype(np.float32)
    test = Dataset("toy", "test", exact, labels, classes)
    return Data("toy", test, None, test)


def make_rung(name, seed=0):
    """A model with weights so large that its images differ from one another."""
    shape = SHAPES.get(name, GREY)
    rung = ModelRung(make_model(MODELS[name], shape, len(CLASSES), seed))
    rung.model.eval()
    rng = np.random.default_rng(seed)
    grown = {key: value * 2.2 if key.endswith("weight") else value for key, value in rung.parameters().items()}
    if "codebook.entries" in grown:
        grown["codebook.entries"] = rng.standard_normal(grown["codebook.entries"].shape).astype(np.float32)
    rung.restore(grown, {})
    return rung


def make_run(folder, rung, command="train"):
    """A run folder that holds this rung's weights."""
    options = TrainOptions(model=rung.model.options, epochs=1)
    choices = json.loads(json.dumps(dataclasses.asdict(options), default=str))
    described = dataclasses.asdict(rung.description)
    config = {"command": "train", "options": choices, "rung": "paper"} | {
        k: described[k] for k in ("model", "image_shape", "class_count")
    }
    run = create_run(folder, command, config)
    run.save_weights(rung.parameters(), rung.description)
    return run


class Made:
    """Pages by name, each made once, with the rungs whose weights they hold."""

    def __init__(self, folder):
        self.folder, self.rungs, self.pages = folder, {}, {}

    def payload(self, *names):
        shown = []
        for name in names:
            rung = self.rungs.setdefault(name, make_rung(name))
            shown.append((make_run(self.folder / name, rung), data_of(rung.description.image_shape)))
        return make_payload(shown)

    def page(self, *names):
        if names not in self.pages:
            self.pages[names] = self.write("-".join(names), self.payload(*names))
        return self.pages[names]

    def write(self, name, payload):
        path = self.folder / f"{name}.html"
        path.write_text(render(payload), "utf-8")
        return path


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("pages"))


def floats(page, expression):
    return np.array(page.evaluate(f"Array.from({expression})"), np.float32)


def shown_x(page, rung, view=0):
    return floats(page, f"page.views[{view}].x").reshape(1, *rung.description.image_shape)


def condition(page, rung, x):
    label = page.evaluate("page.views[0].number ?? 0")
    return rung.condition(x, np.array([label]))


def expected_x_hat(page, rung):
    """x_hat by the rung for what the page shows: its z, or its codes."""
    x = shown_x(page, rung)
    if rung.traits.codes:
        codes = floats(page, "page.views[0].codes").astype(int)
        h, w = rung.codes(x).shape[1:]
        z = rung.parameters()["codebook.entries"][codes].T.reshape(1, -1, h, w)
        return rung.sample(z.astype(np.float32))[0]
    z = floats(page, "page.views[0].z")[None]
    return rung.sample(z, condition(page, rung, x))[0]


def wait(page, condition):
    """Wait until an expression is true. Playwright's own wait evaluates text in the page, which the page forbids."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"not within 10 s: {condition}")


def assert_shows_x_hat(page, rung):
    settle(page)
    difference = np.abs(pixels(page, "[data-part=x_hat]") - levels(expected_x_hat(page, rung))).max()
    assert difference <= CLOSE


def value(page, term):
    return float(page.locator(f".terms [data-term={term}] .value").inner_text().replace("−", "-"))


def problems_of_layout(page):
    """Elements that reach beyond the right edge of the screen, and controls without a name."""
    return page.evaluate(
        """() => {
          const found = [];
          const name = (e) => e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent.trim();
          const shown = (e) => e.getClientRects().length > 0;
          const scrolls = (e) => e.closest(".visually-hidden");
          const wide = (e) => e.getBoundingClientRect().right > innerWidth + 0.5;
          const start = (e) => e.outerHTML.slice(0, 90);
          for (const e of document.querySelectorAll("body *"))
            if (shown(e) && !scrolls(e) && wide(e)) found.push(`wide: ${start(e)}`);
          for (const e of document.querySelectorAll("button, input, select, [role=application], [role=img]"))
            if (!name(e)) found.push(`no name: ${start(e)}`);
          if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
          return found;
        }"""
    )


# Every model


def test_a_latent_diffusion_is_refused(tmp_path):
    options = LatentDiffusionOptions(network="mlp", hidden_dims=(5,), latent_dim=2, steps=3)
    run = make_run(tmp_path, ModelRung(make_model(options, GREY, len(CLASSES))))
    with pytest.raises(InputError, match="reverses no diffusion; expected the run of the VAE under it"):
        make_payload([(run, data_of(GREY))])


@pytest.mark.parametrize("name", MODELS)
def test_the_page_of_every_model_draws_x_hat_as_the_rung_computes_it(browser, made, name):
    with opened(browser, made.page(name)) as page:
        rung = made.rungs[name]
        assert_shows_x_hat(page, rung)
        x = shown_x(page, rung)
        expected = rung.reconstruct(x, condition(page, rung, x))
        assert np.abs(pixels(page, "[data-part=x_hat]") - levels(expected[0])).max() <= CLOSE
        assert problems_of_layout(page) == []
        if not rung.traits.codes:
            page.locator(".map").press("ArrowRight")
            page.locator(".map").press("Shift+ArrowUp")
            moved = floats(page, "page.views[0].z") - rung.code(*rung.encode(x, condition(page, rung, x)))[0]
            assert np.abs(moved).max() > 0.005
            assert_shows_x_hat(page, rung)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_of_every_model_fits_a_phone(browser, made, name):
    with opened(browser, made.page(name), **WIDTHS["phone"]) as page:
        assert problems_of_layout(page) == []
        if made.rungs[name].traits.codes:
            page.locator(".codes button").nth(3).tap()
            assert page.locator(".codes button").nth(3).get_attribute("aria-pressed") == "true"
        else:
            page.locator(".map").tap(position={"x": 60, "y": 90})
            assert page.evaluate("page.views[0].is_free")
        assert_shows_x_hat(page, made.rungs[name])
        page.get_by_role("button", name="한국어").tap()
        assert problems_of_layout(page) == []


def test_a_finger_drags_the_point_and_not_the_page(browser, made):
    with opened(browser, made.page("vae"), **WIDTHS["phone"]) as page:
        page.locator(".map").scroll_into_view_if_needed()
        box, scrolled = page.locator(".map").bounding_box(), page.evaluate("scrollY")
        fingers = page.context.new_cdp_session(page)

        def touch(kind, *places):
            points = [{"x": box["x"] + u * box["width"], "y": box["y"] + v * box["height"]} for u, v in places]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (0.3, 0.3))
        for share in (0.4, 0.5, 0.6, 0.75):
            touch("touchMove", (share, share))
        touch("touchEnd")
        settle(page)
        reach = page.evaluate("page.views[0].map.reach")
        assert floats(page, "page.views[0].z") == pytest.approx([reach / 2, -reach / 2], abs=0.1)
        assert page.evaluate("scrollY") == scrolled
        assert_shows_x_hat(page, made.rungs["vae"])


@pytest.mark.parametrize(
    "name", ["vae", "beta-vae", "capacity", "gaussian", "continuous", "autoencoder", "vq-vae", "large"]
)
def test_the_numbers_are_the_models_loss(browser, made, name):
    rung = make_rung(name)
    with opened(browser, made.page(name)) as page:
        x = shown_x(page, rung)
        eps = np.zeros(rung.noise_shape(1), np.float32)
        parts = rung.evaluate(x, eps, rung.model.options.objective())
        assert value(page, "loss") == pytest.approx(float(parts.loss), rel=1e-4, abs=0.06)
        assert value(page, "reconstruction") == pytest.approx(float(parts.reconstruction), rel=1e-4, abs=0.06)
        if name in ("vae", "beta-vae", "gaussian", "continuous"):
            assert value(page, "kl") == pytest.approx(float(parts.kl), rel=1e-4, abs=0.06)
            assert value(page, "beta") == pytest.approx(rung.model.options.objective().beta)


# The map and the way


def test_dragging_moves_z_under_the_pointer(browser, made):
    with opened(browser, made.page("vae")) as page:
        box = page.locator(".map").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        settle(page)
        assert floats(page, "page.views[0].z") == pytest.approx([0, 0], abs=0.05)
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=3)
        page.mouse.up()
        reach = page.evaluate("page.views[0].map.reach")
        assert floats(page, "page.views[0].z") == pytest.approx([reach / 2, reach / 2], abs=0.05)
        assert_shows_x_hat(page, made.rungs["vae"])
        page.locator(".map").press("0")
        assert floats(page, "page.views[0].z") == pytest.approx([0, 0], abs=1e-6)


def test_two_pins_make_a_way_with_a_strip_and_a_slider(browser, made):
    with opened(browser, made.page("beta-vae")) as page:
        page.locator(".map").press("a")
        start = floats(page, "page.views[0].z")
        page.get_by_role("button", name="z from the prior").click()
        page.locator(".map").press("b")
        end = floats(page, "page.views[0].z")
        assert page.locator(".strip canvas").count() == 11
        slider = page.get_by_label("Place on the way from A to B")
        slider.fill("0.5")
        middle = floats(page, "page.views[0].z")
        assert middle == pytest.approx((start + end) / 2, abs=1e-5)
        assert_shows_x_hat(page, made.rungs["beta-vae"])
        page.get_by_role("button", name="Spherical").click()
        slider.fill("0.25")
        slider.fill("0.5")
        on_sphere = floats(page, "page.views[0].z")
        angle = np.arccos(start @ end / np.linalg.norm(start) / np.linalg.norm(end))
        assert on_sphere == pytest.approx((start + end) * np.sin(angle / 2) / np.sin(angle), abs=1e-4)
        page.get_by_role("button", name="Unpin").click()
        assert not page.locator(".strip").is_visible()


def test_the_manifold_can_be_switched_on(browser, made):
    with opened(browser, made.page("vae")) as page:
        corner = "page.views[0].map.manifold.tiles.getContext('2d').getImageData(0, 0, 28, 28).data"
        page.get_by_text("Decoded manifold").click()
        wait(page, "page.views[0].map.manifold?.done === 1")
        tile = floats(page, corner).reshape(28, 28, 4)[:, :, 3]
        left, _, _, top = page.evaluate("page.views[0].map.manifold.box")
        half = 2 * page.evaluate("page.views[0].map.reach") / 19 / 2
        z = np.array([[left + half, top - half]], np.float32)
        assert np.abs(tile - 255 * made.rungs["vae"].sample(z)[0, 0]).max() <= 1
        page.get_by_text("Decoded manifold").click()
        assert page.evaluate("page.views[0].map.manifold") is None


def test_a_plane_of_any_two_latents_or_of_components(browser, made):
    with opened(browser, made.page("beta-vae")) as page:
        across, up = page.get_by_label("Latent across"), page.get_by_label("Latent up")
        across.select_option("4")
        up.select_option("1")
        before = floats(page, "page.views[0].z")
        page.locator(".map").press("ArrowRight")
        page.locator(".map").press("ArrowUp")
        assert (np.flatnonzero(floats(page, "page.views[0].z") != before)).tolist() == [1, 4]
        page.get_by_role("button", name="Principal components").click()
        before = floats(page, "page.views[0].z")
        page.locator(".map").press("ArrowRight")
        moved = floats(page, "page.views[0].z") - before
        direction = floats(page, "page.views[0].run.components.directions[0]")
        assert moved / np.linalg.norm(moved) == pytest.approx(direction, abs=1e-3)


# The image


def test_a_drawing_is_encoded_on_the_spot(browser, made):
    rung = make_rung("vae")
    with opened(browser, made.page("vae")) as page:
        page.get_by_role("button", name="Clear").click()
        box = page.locator(".pad").bounding_box()
        at = lambda u, v: (box["x"] + u * box["width"], box["y"] + v * box["height"])  # noqa: E731
        page.mouse.move(*at(0.5, 0.2))
        page.mouse.down()
        page.mouse.move(*at(0.5, 0.8), steps=5)
        page.mouse.up()
        x = shown_x(page, rung)
        width = x[0, 0, 10:18].sum(axis=1).mean()
        assert 2 < width < 2.8  # pixels of a stroke, as in MNIST
        assert ((x > 0.02) & (x < 0.98)).any()  # antialiased
        mu, logvar = rung.encode(x)
        assert floats(page, "page.views[0].mu") == pytest.approx(mu[0], abs=1e-4)
        assert floats(page, "page.views[0].logvar") == pytest.approx(logvar[0], abs=1e-4)
        assert page.locator(".input .caption").inner_text() == "Your drawing"
        assert_shows_x_hat(page, rung)


def test_a_drawing_can_be_centred_by_mass_and_erased(browser, made):
    rung = make_rung("vae")
    with opened(browser, made.page("vae")) as page:
        page.get_by_role("button", name="Clear").click()
        page.locator(".pad").click(position={"x": 40, "y": 40})
        page.get_by_text("Centre", exact=True).click()
        x = shown_x(page, rung)[0, 0]
        rows, columns = np.mgrid[:28, :28] + 0.5
        assert (x * rows).sum() / x.sum() == pytest.approx(14, abs=0.1)
        assert (x * columns).sum() / x.sum() == pytest.approx(14, abs=0.1)
        page.get_by_text("Centre", exact=True).click()
        page.get_by_role("button", name="Eraser").click()
        page.locator(".pad").click(position={"x": 40, "y": 40})
        assert shown_x(page, rung).max() == 0


def test_keys_draw_too(browser, made):
    rung = make_rung("vae")
    with opened(browser, made.page("vae")) as page:
        pad = page.locator(".pad")
        for key in ["Delete", " ", *["ArrowDown"] * 6, " ", *["ArrowRight"] * 4]:
            pad.press(key)
        x = shown_x(page, rung)[0, 0]
        assert x[14:21, 14].min() > 0.9
        assert x[:, 17:].max() == 0
        assert page.locator(".cursor").is_visible()


def test_a_test_image_is_exact_and_a_picture_file_is_resized(browser, made, tmp_path):
    rung = make_rung("vae")
    paper = np.full((300, 200), 255, np.uint8)
    paper[100:200, 90:110] = 0
    Image.fromarray(paper).save(tmp_path / "stroke.png")
    (tmp_path / "words.png").write_text("no picture")
    with opened(browser, made.page("vae")) as page:
        page.locator(".gallery button").nth(4).click()
        image = floats(page, "page.runs[0].images[4]")
        assert shown_x(page, rung).ravel() == pytest.approx(image, abs=0)
        assert np.abs(pixels(page, ".pad")[:, :, 0].ravel() - 255 * image).max() < 0.01
        page.locator("input[type=file]").set_input_files(tmp_path / "stroke.png")
        wait(page, "document.querySelector('.input .caption').textContent.includes('stroke.png')")
        x = shown_x(page, rung)[0, 0]
        assert x[10:18, 13:15].min() > 0.8
        assert x[:8].max() < 0.1
        page.locator("input[type=file]").set_input_files(tmp_path / "words.png")
        wait(page, "document.querySelector('.input .caption').textContent.includes('cannot be read')")


# Numbers


def test_eps_and_beta_move_what_they_should(browser, made):
    rung = make_rung("vae")
    with opened(browser, made.page("vae")) as page:
        before = {term: value(page, term) for term in ("loss", "reconstruction", "kl")}
        page.get_by_label("β", exact=True).nth(1).fill("3")
        assert value(page, "beta") == 3
        assert value(page, "reconstruction") == before["reconstruction"]
        assert value(page, "kl") == before["kl"]
        assert value(page, "loss") == pytest.approx(before["reconstruction"] + 3 * before["kl"], abs=0.3)
        page.get_by_label("ε₂, noise").fill("1.5")
        settle(page)
        mu, logvar = rung.encode(shown_x(page, rung))
        expected = mu[0] + np.exp(logvar[0] / 2) * np.array([0, 1.5])
        assert floats(page, "page.views[0].z") == pytest.approx(expected, abs=1e-4)
        assert value(page, "kl") == before["kl"]  # it does not depend on eps
        assert_shows_x_hat(page, rung)
        page.get_by_role("button", name="Draw ε").click()
        drawn = floats(page, "page.views[0].eps")
        page.get_by_role("button", name="Draw ε").click()
        assert (floats(page, "page.views[0].eps") != drawn).all()


def test_a_symbol_lights_up_with_its_values(browser, made):
    with opened(browser, made.page("vae")) as page:
        page.locator(".terms [data-term=kl]").focus()
        assert page.locator(".at-kl.lit").count() == 3  # the head, and two latents
        assert page.locator(".explanation").inner_text().startswith("KL:")
        kl = page.locator(".definitions [data-term=kl] .example").inner_text().replace("−", "-")
        terms = [float(number) for number in re.findall(r"-?[\d.]+", kl)]
        assert sum(terms[:-1]) == pytest.approx(terms[-1], abs=0.02)
        page.locator(".definitions i[data-term=mu]").first.hover()
        assert page.locator(".at-mu.lit").count() == 3
        assert page.locator(".explanation").inner_text().startswith("μ:")
        page.locator(".head .at-sigma").hover()
        assert page.locator(".explanation").inner_text().startswith("σ:")


def test_a_bernoulli_draw_is_black_and_white_and_can_be_repeated(browser, made):
    with opened(browser, made.page("vae")) as page:
        canvas = ".small-tiles figure:nth-child(2) canvas"
        first = pixels(page, canvas)
        assert set(np.unique(first)) == {0, 255}
        page.locator(".small-tiles button").click()
        assert (pixels(page, canvas) != first).any()


# Models


def test_the_class_of_a_conditional_model_is_a_knob(browser, made):
    rung = make_rung("cvae")
    with opened(browser, made.page("cvae")) as page:
        z = floats(page, "page.views[0].z")
        page.locator(".class-tiles button").nth(7).click()
        settle(page)
        assert page.evaluate("page.views[0].number") == 7
        assert floats(page, "page.views[0].z") == pytest.approx(z, abs=1e-6)
        assert_shows_x_hat(page, rung)
        tile = pixels(page, ".class-tiles button:nth-child(3) canvas")
        expected = rung.sample(z[None], rung.condition(None, np.array([2])))[0]
        assert np.abs(tile - levels(expected)).max() <= CLOSE


def test_completions_keep_the_given_part(browser, made):
    rung = make_rung("completion")
    with opened(browser, made.page("completion")) as page:
        x, mask = shown_x(page, rung)[0], rung.mask() > 0
        tiles = [pixels(page, f".completions canvas:nth-child({k})") for k in (1, 2)]
        for tile in tiles:
            assert np.abs(tile - levels(x))[mask].max() <= CLOSE
        assert (tiles[0] != tiles[1])[~mask].any()
        page.get_by_role("button", name="Eraser").click()
        page.locator(".pad").click(position={"x": 60, "y": 60})
        again = pixels(page, ".completions canvas:nth-child(1)")
        assert np.abs(again - levels(shown_x(page, rung)[0]))[mask].max() <= CLOSE


def test_the_bound_of_several_draws_is_above_the_elbo(browser, made):
    with opened(browser, made.page("iwae")) as page:
        shown = page.locator(".bounds strong")
        wait(page, "document.querySelector('.bounds strong').textContent !== ''")
        page.get_by_label("K", exact=True).nth(1).fill("50")
        page.wait_for_timeout(400)
        elbo, bound, gap = (float(text.replace("−", "-")) for text in shown.all_inner_texts())
        assert gap > 0
        assert bound - elbo == pytest.approx(gap, abs=0.02)


def test_an_autoencoder_has_no_prior(browser, made):
    with opened(browser, made.page("autoencoder")) as page:
        assert page.evaluate("page.views[0].map.circles") is False
        assert page.evaluate("page.views[0].map.posterior") is None
        assert page.get_by_text("There is no prior", exact=False).first.is_visible()


def test_codes_can_be_changed_one_by_one(browser, made):
    rung = make_rung("vq-vae")
    with opened(browser, made.page("vq-vae")) as page:
        own = rung.codes(shown_x(page, rung)).ravel()
        assert floats(page, "page.views[0].codes") == pytest.approx(own)
        cell = page.locator(".codes button").nth(24)
        cell.press("+")
        assert floats(page, "page.views[0].codes")[24] == (own[24] + 1) % 9
        cell.press("ArrowLeft")
        page.locator(".palette button").nth(5).click()
        assert floats(page, "page.views[0].codes")[23] == 5
        assert_shows_x_hat(page, rung)
        page.get_by_role("button", name="Codes of x").click()
        assert floats(page, "page.views[0].codes") == pytest.approx(own)


@pytest.mark.parametrize("name", ["vampprior", "mixture", "hierarchical", "cvae-learned"])
def test_a_learned_prior_is_drawn_on_the_map_and_drawn_from(browser, made, name):
    with opened(browser, made.page(name)) as page:
        rung = made.rungs[name]
        assert page.evaluate("page.views[0].map.circles") is False
        noise = floats(page, "page.views[0].prior_noise").reshape(1500, -1)
        c = condition(page, rung, shown_x(page, rung))
        z = rung.prior(noise, None if c is None else np.repeat(c, len(noise), 0))
        axes = [0, 1] if z.shape[1] == 2 else page.evaluate("page.views[0].order")[:2]
        assert np.array(page.evaluate("page.views[0].map.prior")) == pytest.approx(z[:, axes], abs=1e-4)
        page.get_by_role("button", name="z from the prior").click()
        settle(page)
        assert_shows_x_hat(page, rung)
        assert page.get_by_text("draws from the learned prior").is_visible()
        assert not page.get_by_role("button", name="Spherical").is_visible()


def test_components_of_the_prior_can_be_visited(browser, made):
    with opened(browser, made.page("vampprior")) as page:
        rung = made.rungs["vampprior"]
        mu = floats(page, "page.views[0].model.components.mu").reshape(70, 2)
        tiles = page.locator(".components button")
        assert tiles.count() == 60
        assert page.get_by_text("over 70 learned images").is_visible()
        assert (
            np.abs(pixels(page, ".components button:nth-child(3) canvas") - levels(rung.sample(mu[2:3])[0])).max()
            <= CLOSE
        )
        tiles.nth(2).click()
        settle(page)
        assert floats(page, "page.views[0].z") == pytest.approx(mu[2], abs=1e-6)
        assert_shows_x_hat(page, rung)


@pytest.mark.parametrize("name", ["vampprior", "hierarchical", "iaf-vae"])
def test_a_kl_without_a_closed_form_is_that_of_the_draw(browser, made, name):
    import torch

    with opened(browser, made.page(name)) as page:
        rung = made.rungs[name]
        page.get_by_role("button", name="Draw ε").click()
        settle(page)
        eps = floats(page, "page.views[0].eps")[None]
        x = shown_x(page, rung)
        with torch.no_grad():
            z, log_ratio = rung.model.draw_z(*map(torch.from_numpy, rung.encode(x)), torch.from_numpy(eps))
        assert floats(page, "page.views[0].z") == pytest.approx(z[0].numpy(), abs=1e-4)
        assert value(page, "kl") == pytest.approx(-log_ratio.item(), abs=0.06)
        page.locator(".map").press("Shift+ArrowRight")  # z moves by hand: the noise follows
        settle(page)
        with torch.no_grad():
            moments = [torch.from_numpy(value) for value in rung.encode(x)]
            again, log_ratio = rung.model.draw_z(*moments, torch.from_numpy(floats(page, "page.views[0].eps")[None]))
        assert floats(page, "page.views[0].z") == pytest.approx(again[0].numpy(), abs=1e-3)
        assert value(page, "kl") == pytest.approx(-log_ratio.item(), abs=0.06)
        assert page.locator(".terms [data-term=kl]").inner_text().startswith("[log q(z|x) − log p(z)]")
        assert page.locator(".at-kl").count() == 0


def test_codes_are_drawn_from_their_prior(browser, made):
    import torch

    with opened(browser, made.page("codes-prior")) as page:
        rung = made.rungs["codes-prior"]
        network = rung.model.network
        page.locator(".codes button").nth(10).click()
        before = floats(page, "page.views[0].codes").astype(int)
        page.evaluate(
            "page.views[0].random = { normals: (n) => Float32Array.from({ length: n }, (_, i) => (i % 13) / 4 - 1.5) }"
        )
        page.get_by_role("button", name="Draw from here on").click()
        wait(page, "page.views[0].first_pending === Infinity")
        codes = floats(page, "page.views[0].codes").astype(int)
        assert (codes[:10] == before[:10]).all()
        assert (codes[10:] != before[10:]).any()
        assert_shows_x_hat(page, rung)
        given = torch.from_numpy(codes).view(1, 7, 7)
        with torch.no_grad():
            p = network(given).softmax(1)[0].flatten(1).T.double().numpy()
            cost = -network.log_prob(given).item()
        for place in range(10, 49):  # each by the inverse of its distribution function at Phi(eps)
            u = torch.special.ndtr(torch.tensor((place % 13) / 4 - 1.5)).item()
            assert p[place, : codes[place]].sum() <= u + 1e-6
            assert u <= p[place, : codes[place] + 1].sum() + 1e-6
        assert value(page, "code_cost") == pytest.approx(cost, abs=0.06)
        assert value(page, "total") == pytest.approx(cost + value(page, "reconstruction"), abs=0.11)
        widths = page.evaluate("[...document.querySelectorAll('.palette .bar')].map((e) => parseFloat(e.style.width))")
        assert widths == pytest.approx(100 * p[10] / p[10].max(), abs=0.02)
        wait(page, "document.querySelector('.samples').dataset.ready === 'true'")
        page.locator(".samples .components button").nth(4).click()
        settle(page)
        tile = pixels(page, ".samples .components button:nth-child(5) canvas")
        assert np.abs(tile - pixels(page, "[data-part=x_hat]")).max() == 0
        page.get_by_role("button", name="Draw codes").click()
        page.locator(".gallery button").nth(2).click()  # another image ends the drawing
        page.wait_for_timeout(200)
        assert floats(page, "page.views[0].codes") == pytest.approx(rung.codes(shown_x(page, rung)).ravel())


def test_large_images_come_in_a_number_that_keeps_the_page_small(browser, made):
    payload = made.payload("large")
    assert payload["runs"][0]["images"]["shape"] == [40, 3, 64, 64]
    assert len(render(payload)) < 2_000_000
    with opened(browser, made.page("large")) as page:
        page.get_by_text("Decoded manifold").click()
        wait(page, "page.views[0].map.manifold?.done === 1")
        assert page.evaluate("page.views[0].map.manifold.tiles.width") == 11 * 64
        page.get_by_role("button", name="Clear").click()
        box = page.locator(".pad").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert shown_x(page, made.rungs["large"])[0, :, 31:33, 31:33].min() > 0.9


def test_the_rungs_of_a_climb_stand_side_by_side(browser, made):
    rungs = {name: make_rung("vae") for name in ("numpy_impl", "pytorch_lowlevel", "paper")}
    weights = rungs["paper"].parameters()
    weights["decoder.conv_transpose2.bias"] = weights["decoder.conv_transpose2.bias"] + np.float32(0.01)
    rungs["paper"].restore(weights, {})
    payload = made.payload("vae")
    shown = []
    for name, rung in rungs.items():
        part = make_payload([(make_run(made.folder / f"climb-{name}", rung), data_of(GREY))])["runs"][0]
        shown.append(part | {"name": name, "rung": name})
    path = made.write("climb", payload | {"runs": shown})
    with opened(browser, path) as page:
        assert page.locator(".view:visible").count() == 1
        page.locator(".map:visible").press("ArrowRight")
        settle(page)
        z = floats(page, "page.views[2].z")[None]
        images = [rung.sample(z) for rung in rungs.values()]
        largest = np.abs(images[2] - images[0]).max()
        assert float(page.locator(".rungs").get_attribute("data-largest")) == pytest.approx(largest, rel=0.02)
        page.locator(".rung-tiles .frame").first.hover()
        assert re.search(r"Row \d+, column \d+", page.locator(".rungs > .caption").inner_text())
        page.get_by_role("button", name="numpy_impl").click()
        assert page.locator(".view:visible").count() == 1
        page.locator(".gallery button").nth(3).click()  # all rungs encode it; the one that is shown says which z
        settle(page)
        z = floats(page, "page.views[0].z")[None]
        largest = np.abs(rungs["paper"].sample(z) - rungs["numpy_impl"].sample(z)).max()
        assert float(page.locator(".rungs").get_attribute("data-largest")) == pytest.approx(largest, rel=0.02)
        shown = pixels(page, "[data-rung=pytorch_lowlevel]")
        assert np.abs(shown - levels(rungs["pytorch_lowlevel"].sample(z)[0])).max() <= CLOSE
        assert problems_of_layout(page) == []


def test_two_runs_are_given_the_same_image(browser, made):
    with opened(browser, made.page("autoencoder", "vae")) as page:
        assert page.locator(".map").count() == 2
        page.locator(".gallery button").nth(6).click()
        settle(page)
        for k, name in enumerate(("autoencoder", "vae")):
            rung = made.rungs[name]
            x = shown_x(page, rung, k)
            assert x.ravel() == pytest.approx(floats(page, "page.runs[0].images[6]"))
            assert floats(page, f"page.views[{k}].mu") == pytest.approx(rung.encode(x)[0][0], abs=1e-4)
        other = floats(page, "page.views[1].z")
        page.locator(".map").first.press("ArrowRight")
        assert (floats(page, "page.views[1].z") == other).all()
    with opened(browser, made.page("autoencoder", "vae"), **WIDTHS["phone"]) as page:
        assert problems_of_layout(page) == []


# Training


def test_points_are_learned_in_the_page(browser, made):
    with opened(browser, made.page("vae")) as page:
        page.get_by_role("tab", name="Train it here").click()
        page.get_by_role("button", name="One step").click()
        assert page.locator(".status").inner_text().startswith("Step 1,")
        page.evaluate("page.training.warmup = 0")
        first = page.evaluate("page.training.curves.last.reconstruction")
        page.get_by_label("Steps per second").nth(1).fill("1000")
        page.get_by_role("button", name="Start", exact=True).click()
        wait(page, "page.training.step >= 60")
        page.get_by_role("button", name="Pause").click()
        assert page.evaluate("page.training.curves.last.reconstruction") < first - 5
        step = page.evaluate("page.training.step")
        page.wait_for_timeout(100)
        assert page.evaluate("page.training.step") == step
        assert problems_of_layout(page) == []
        count = page.evaluate("page.training.count")
        page.locator(".data").click(position={"x": 50, "y": 50})
        assert page.evaluate("page.training.count") > count
        page.get_by_role("button", name="My own").click()
        page.get_by_role("button", name="One step").click()
        assert page.locator(".status").inner_text() == "Draw some points first."


def test_glyphs_are_learned_in_the_page_and_a_loss_that_breaks_says_so(browser, made):
    with opened(browser, made.page("vae"), **WIDTHS["phone"]) as page:
        page.get_by_role("tab", name="Train it here").click()
        page.get_by_role("button", name="Digits").click()
        for _ in range(3):
            page.get_by_role("button", name="One step").click()
        assert page.evaluate("page.training.step") == 3
        assert pixels(page, ".data").any()
        assert problems_of_layout(page) == []
        page.evaluate("page.training.learning_rate = NaN")
        page.get_by_role("button", name="One step").click()
        page.get_by_role("button", name="One step").click()
        assert "not a finite number" in page.locator(".status").inner_text()


# Reading and reaching


def test_the_tab_key_reaches_everything_and_focus_is_seen(browser, made):
    with opened(browser, made.page("vae")) as page:
        reached, unseen = set(), []
        for _ in range(60):
            page.keyboard.press("Tab")
            found = page.evaluate(
                """() => {
                  const e = document.activeElement;
                  const outline = (one) => getComputedStyle(one).outlineStyle !== "none";
                  const seen = outline(e) || [...(e.parentElement?.children ?? [])].some(outline);
                  return [e.className.replace(/ (lit|changed)/g, "") || e.id || e.type || e.tagName, seen];
                }"""
            )
            reached.add(found[0])
            if found[0] != "BODY" and not found[1]:
                unseen.append(found[0])
        assert {"pixels pad", "map", "range", "at-eps", "term", "tab-explore"} <= reached
        assert unseen == []


def test_language_and_theme_are_switched(browser, made):
    with opened(browser, made.page("vae")) as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="한국어").click()
        assert page.evaluate("document.documentElement.lang") == "ko"
        words = page.evaluate("[...document.querySelectorAll('[data-say]')].map((e) => e.textContent)")
        english = [text for text in words if re.search(r"[A-Za-z]{4,}", text) and not re.search("[가-힣]", text)]
        assert english == []
        assert page.get_by_role("tab", name="여기서 훈련하기").is_visible()
        page.get_by_role("button", name="어둡게").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != ground
        assert page.evaluate("document.documentElement.dataset.shade") == "dark"
        page.get_by_role("button", name="밝게").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_the_page_opens_in_the_language_of_the_program_that_wrote_it(browser, made, tmp_path):
    """In a report the language is the report's, whatever the browser's; a choice in the page comes first."""
    text = made.page("vae").read_text("utf-8")
    for name, locale in (("ko", "en-US"), ("en", "ko-KR")):
        opening = tmp_path / f"{name}.html"
        opening.write_text(text.replace('<html lang="en">', f'<html lang="en" data-language="{name}">'), "utf-8")
        with opened(browser, opening, locale=locale) as page:
            assert page.evaluate("document.documentElement.lang") == name


def test_a_page_names_the_language_of_the_program():
    assert '<html lang="en" data-language="ko">' in render({"title": "VAE"}, "ko")
    assert '<html lang="en">' in render({"title": "VAE"})


def test_the_page_follows_the_system_and_obeys_reduced_motion(browser, made):
    wishes = {"color_scheme": "dark", "reduced_motion": "reduce", "locale": "ko-KR"}
    with opened(browser, made.page("vae"), **wishes) as page:
        assert page.evaluate("[document.documentElement.dataset.shade, document.documentElement.lang]") == [
            "dark",
            "ko",
        ]
        moving = "(e) => parseFloat(getComputedStyle(e).transitionDuration) > 0"
        assert page.evaluate(f"[...document.querySelectorAll('*')].filter({moving}).length") == 0


def test_screen_readers_are_told_the_numbers_once_the_point_rests(browser, made):
    with opened(browser, made.page("vae")) as page:
        page.locator(".map").press("ArrowRight")
        wait(page, "document.getElementById('live').textContent.includes('Loss')")
        assert page.locator("#live").get_attribute("aria-live") == "polite"


def test_names_from_a_run_never_become_markup(browser, made):
    payload = made.payload("cvae")
    run = payload["runs"][0] | {"name": HOSTILE, "caption": HOSTILE, "classes": [HOSTILE] * 10}
    path = made.write("hostile", payload | {"title": HOSTILE, "runs": [run, run]})
    with opened(browser, path) as page:
        page.locator(".gallery button").nth(2).click()
        page.locator(".map").first.hover()
        assert page.evaluate("window.caught") is None
        assert page.locator("img, b").count() == 0
        assert page.locator("h1").inner_text() == HOSTILE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('"weights":"', '"weights":"AAAA", "w":"', 1), "incomplete or damaged"),
        (lambda text: text.replace('"format":1', '"format":99', 1), "format 99"),
        (lambda text: re.sub(r'(id="payload">.{900}).*?</script>', r"\1</script>", text, flags=re.S), "손상"),
    ],
)  # fmt: skip
def test_a_broken_page_says_so_in_words(browser, made, tmp_path, change, words):
    text = made.page("vae").read_text("utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(change(text), "utf-8")
    assert change(text) != text
    with opened(browser, broken, ready=False) as page:
        assert words in page.locator("#broken").inner_text()
        assert not page.locator("#page").is_visible()


def test_a_browser_without_scripts_is_told_what_it_lacks(browser, made):
    with opened(browser, made.page("vae"), ready=False, java_script_enabled=False) as page:
        assert "needs a browser with JavaScript" in page.locator("#broken").inner_text()


# Words


def tables_of_words():
    """The strings of both languages, as {language: {key: words}}."""
    text = Path(__file__).parents[3].joinpath("ladder/explorer/strings.js").read_text("utf-8")
    entry = re.compile(r'^    "?([\w-]+)"?:\s+"((?:[^"\\]|\\.)*)"((?:\s*\+\s*"(?:[^"\\]|\\.)*")*),$', re.M)
    parts = re.split(r"^  (en|ko): \{$", text, flags=re.M)
    return {
        name: {key: first + rest for key, first, rest in entry.findall(part)}
        for name, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_both_languages_have_the_same_strings_with_the_same_places():
    words = tables_of_words()
    assert len(words["en"]) > 100
    assert words["en"].keys() == words["ko"].keys()
    for key, english in words["en"].items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", words["ko"][key])), key


def test_korean_strings_use_the_terms_of_the_glossary():
    assert not [problem for words in tables_of_words()["ko"].values() for problem in problems_of_terms(words)]


def test_every_string_is_used():
    source = bundle("app.js") + Path(__file__).parents[3].joinpath("ladder/explorer/page.html.jinja").read_text("utf-8")
    made_of_parts = re.compile(
        r"^(preset_|bound_|explain_|draw_|train_data_|train_latent_|caption_|curve_)|_caption$|^(numpy_impl|pytorch_lowlevel|paper|mine)$"
    )
    unused = [
        key
        for key in tables_of_words()["en"]
        if not made_of_parts.search(key) and len(re.findall(rf'"{key}"', source)) < 1
    ]
    assert unused == []
