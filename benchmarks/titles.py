"""How many hand-labelled job titles the lexicons read as labelled, per language; the aim is 0.95 level, 0.92 function.

Run: python benchmarks/titles.py [--wrong] [--language de]. Labels: tests/insight/titles_golden.md. The aims are held
against titles that no lexicon has word for word, read with the lexicons of all languages, the title's own first, as
`[titles] languages` asks for; "one order" reads all titles with English first. Ends with 1 when an aim is missed.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from golden import FUNCTION_AIM, LANGUAGES, LEVEL_AIM, MODIFIERS, Read, golden, read, score

from connector.insight.titles.lexicon import languages
from connector.insight.titles.parser import Meaning


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--wrong", action="store_true", help="list the titles read wrongly")
    arguments.add_argument("--language", choices=LANGUAGES, help="this language only")
    given = arguments.parse_args()
    chosen = [given.language] if given.language else list(LANGUAGES)
    titles = [g for g in golden() if g.language in chosen]
    own, one = read(titles), read(titles, LANGUAGES)
    reached = _table(chosen, own, one)
    if given.wrong:
        _wrong(own)
    sys.exit(0 if reached else 1)


def _table(chosen: list[str], own: list[Read], one: list[Read]) -> bool:
    """Print the ratios and the shares per language; whether every aim is reached."""
    scores = {}
    for language in chosen:
        mine, alike = ([r for r in done if r.golden.language == language] for done in (own, one))
        new, new_alike = ([r for r in done if not r.verbatim] for done in (mine, alike))
        scores[language] = (score(new), score(mine), score(new_alike))
    level, worst_level = min((s[0].level / LEVEL_AIM, language) for language, s in scores.items())
    function, worst = min((s[0].function / FUNCTION_AIM, language) for language, s in scores.items())
    print(f"{datetime.now(UTC):%Y-%m-%d}: {len(own)} titles, those not in a lexicon word for word:")
    print(f"level {level:.2f} of the aim ({worst_level}), function {function:.2f} of the aim ({worst})\n")
    print("| Language | new | level | function | modifiers | all | level | function | one order: level | function |")
    print("|---|" + "--:|" * 9)
    for language, (new_, all_, alike_) in scores.items():
        name = language if language in languages() else f"{language} (no lexicon)"
        print(
            f"| {name} | {new_.n} | **{new_.level:.3f}** | **{new_.function:.3f}** | {new_.modifiers:.3f} "
            f"| {all_.n} | {all_.level:.3f} | {all_.function:.3f} | {alike_.level:.3f} | {alike_.function:.3f} |"
        )
    return all(s[0].reached for s in scores.values())


def _wrong(done: list[Read]) -> None:
    print("\nlanguage · title · told · expected · traps")
    for r in done:
        if not (r.level_right and r.function_right and r.modifiers_right):
            g = r.golden
            print(f"{g.language} · {g.title} · {_said(r.told)} · {_said(g.meant)} · {' '.join(g.traps)}")


def _said(meaning: Meaning) -> str:
    flags = [name for name in MODIFIERS if getattr(meaning, name)]
    level = "-" if meaning.level is None else meaning.level
    return " ".join([f"{level} {meaning.function or '-'}", *flags])


if __name__ == "__main__":
    main()
