"""Search in Korean: words are found with and without the particle that Korean writes at their end.

Sphinx has no search for Korean. The pages' words are indexed without their particle, and so is what a reader types; the
same list of particles serves the index, made by Python, and the query, which a script in the browser takes apart.
"""

import json
import re

from sphinx.search import SearchLanguage

WRITTEN = """
    으로부터 에서는 에서도 으로는 으로도 이라는 이라고 로부터 까지는 부터는 에게서
    에서 에게 으로 부터 까지 처럼 보다 마다 이나 이며 이고 이란 라는 라고 과는 와는 에는 에도 로는 로도 만큼 조차 밖에
    은 는 이 가 을 를 의 에 로 와 과 도 만 나 란
"""
PARTICLES = sorted(WRITTEN.split(), key=len, reverse=True)
"""Particles, the longest first."""
SHORTEST = 2
"""Syllables that a word keeps at least; fewer, and the last one is rather a part of the word."""
WORD = re.compile(r"[\w]+")
HANGUL = re.compile(r"[가-힣]+$")


def stem(word: str) -> str:
    """A word in lower case without its particle: 잠재 변수를 is found as 변수, VAE의 as vae."""
    word = word.lower()
    if not HANGUL.search(word):
        return word
    for particle in PARTICLES:
        shortest = SHORTEST if "가" <= word[0] <= "힣" else 1
        if word.endswith(particle) and len(word) - len(particle) >= shortest:
            return word[: -len(particle)]
    return word


SCRIPT = f"""
var Stemmer = function() {{
  const particles = {json.dumps(PARTICLES, ensure_ascii=False)};
  this.stemWord = function(text) {{
    const word = text.toLowerCase();
    if (!/[가-힣]$/.test(word)) return word;
    const shortest = /^[가-힣]/.test(word) ? {SHORTEST} : 1;
    for (const particle of particles)
      if (word.endsWith(particle) && word.length - particle.length >= shortest)
        return word.slice(0, -particle.length);
    return word;
  }};
}};
"""
"""`stem` for the browser."""


class SearchKorean(SearchLanguage):
    """Korean, as Sphinx' search takes a language."""

    lang = "ko"
    language_name = "Korean"
    js_stemmer_code = SCRIPT
    stopwords: frozenset[str] = frozenset()

    def split(self, input: str) -> list[str]:
        """The words of a text."""
        return WORD.findall(input)

    def stem(self, word: str) -> str:
        """The form under which a word is found."""
        return stem(word)

    def word_filter(self, word: str) -> bool:
        """Whether a word is worth indexing."""
        return bool(word)
