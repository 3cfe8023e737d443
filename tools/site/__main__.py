"""Build the site into `build/site`: `python -m tools.site`."""

import shutil
import subprocess
import sys
from pathlib import Path

from ladder.cli import COMMANDS, main
from tools import CHECKOUT
from tools.site.api import api_pages
from tools.site.check import problems_of_site
from tools.site.glossary import glossary_page
from tools.site.pages import LANGUAGES, WEBSITE, Staging
from tools.site.quiz import quiz_page

BUILD = CHECKOUT / "build"
EXPLORER = {
    "en": "# Explorer\n\nA trained VAE to play with: drag through its latent space, draw a digit, change β.\n",
    "ko": "# 탐색기\n\n훈련된 VAE의 잠재 공간을 마우스로 옮겨 다니고, 숫자를 그려 넣고, β를 바꾸어 본다.\n",
}
FRAME = '\n<iframe class="explorer" src="{address}" title="VAE Ladder explorer"></iframe>\n'
EXPLORER_PAGE = "explorer/index.html"


def stage(language: str, folder: Path, with_explorer: bool) -> None:
    """Write all sources of one language for Sphinx into a folder."""
    staging = Staging(folder, language)
    staging.add("glossary", glossary_page(language))
    staging.add("quiz", quiz_page(language))
    for name, text in api_pages().items():
        if language == "en":
            staging.add(name, text)
        else:
            staging.add_without_twin(name, text.partition("\n")[0].lstrip("# "))
    if with_explorer:
        address = EXPLORER_PAGE if language == "en" else f"../{EXPLORER_PAGE}"
        staging.add("explorer", EXPLORER[language] + FRAME.format(address=address))
    staging.stage_all()


def write_explorer(site: Path) -> bool:
    """Write the explorer of the shipped model into the site; False where `vae-ladder` has no such command yet."""
    if "explore" not in COMMANDS:
        return False
    page = site / EXPLORER_PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    code = main(["explore", "--out", str(page)])
    if code:
        raise SystemExit(code)
    return True


def build(site: Path, sources: Path) -> list[str]:
    """Build the site from scratch; return what is wrong with it, after Sphinx' own messages on standard error."""
    for folder in (site, sources):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    with_explorer = write_explorer(site)
    running = []
    for language in LANGUAGES:
        stage(language, sources / language, with_explorer)
        out = site if language == "en" else site / language
        options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(WEBSITE), "-D", f"language={language}"]
        kept = ["-d", str(sources / "doctrees" / language)]
        command = [sys.executable, "-m", "sphinx", *options, *kept, str(sources / language), str(out)]
        running.append((language, subprocess.Popen(command, cwd=CHECKOUT)))
    failed = [f"Sphinx stopped in language {language}" for language, process in running if process.wait()]
    return failed or problems_of_site(site)


if __name__ == "__main__":
    problems = build(BUILD / "site", BUILD / "site_sources")
    print("\n".join(problems) or f"open {(BUILD / 'site' / 'index.html').as_uri()}")
    sys.exit(bool(problems))
