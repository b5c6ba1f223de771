"""The views of a run: its own page, search, browse, judge, and runs side by side."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from embedtune.errors import ConfigError, EmbedtuneError
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.layout import EVAL, PAGE, set_folder
from embedtune.regular import read_text
from embedtune.reports.rendering import stylesheet
from embedtune.snippets.routes import TARGETS
from embedtune.ui.agreement import agreements, disputed
from embedtune.ui.answers import Form, answering, fragment, go, one, page
from embedtune.ui.browsing import Choice
from embedtune.ui.home import read_rows
from embedtune.ui.jobs import find_job
from embedtune.ui.judgement_folder import UNNAMED, judge_name
from embedtune.ui.judging import marked_text
from embedtune.ui.new_run import learn_from_judgements, start_evaluation, start_run
from embedtune.ui.query_lists import read_queries
from embedtune.ui.run_view import MEASURES, named_stages, read_codes, read_standing, read_view
from embedtune.ui.side_by_side import side_by_side
from embedtune.ui.site import Site
from embedtune.ui.views import MARKS, place_of, shown

_MOST_PASSAGES = 20
_GRADES = {"relevant": 1, "not": 0, "skip": None}
_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""A report may be of somebody else: it gets an origin of its own, and runs nothing."""


class RunRoutes:
    """Routes over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return them."""
        shown = {
            "/run": self.run, "/run/standing": self.standing, "/run/codes": self.codes, "/report": self.report,
            "/card": self.card, "/search": self.search, "/browse": self.browse, "/side": self.side, "/judge": self.judge,
        }  # fmt: skip
        done = {
            "/run/check": self.check, "/judge/list": self.list_queries, "/judge/add": self.add, "/judge/say": self.say,
            "/judge/back": self.back, "/judge/evaluate": self.evaluate, "/judge/train": self.train,
        }  # fmt: skip
        return [
            *(Route(path, answering(handler)) for path, handler in shown.items()),
            *(Route(path, answering(handler), methods=["POST"]) for path, handler in done.items()),
        ]

    def _run(self, form: Form) -> tuple[Path, str]:
        run = self._site.root.find(one(form, "run"))
        return run, self._site.root.name_of(run)

    def _runs(self, form: Form) -> list[Path]:
        """Return the run and those it is compared with, each once."""
        names = dict.fromkeys([one(form, "run"), *filter(None, form.get("with", []))])
        return [self._site.root.find(name) for name in names]

    # ── a run's own page ─────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, request: Request, form: Form) -> Response:
        """Show a run, without a model."""
        run, name = self._run(form)
        others = [row.name for row in read_rows(self._site.root) if row.name != name and row.stage == "evaluated"]
        return page(
            request, "run.html", run=name, view=read_view(run), job=find_job(run), measures=MEASURES, others=others,
            primary=PRIMARY, set_folder=set_folder,
        )  # fmt: skip

    def standing(self, request: Request, form: Form) -> Response:
        """Show the state of its stages, a part that takes time."""
        run, name = self._run(form)
        standing = read_standing(run, self._site.root)
        return fragment("standing.html", run=name, standing=standing, stages=named_stages(standing.stages))

    def codes(self, request: Request, form: Form) -> Response:
        """Show the code for each stack, a part that takes time."""
        run, name = self._run(form)
        found = read_codes(run)
        checked = {code.target: self._site.checks.find(run, code.target) for code in found}
        return fragment("codes.html", run=name, codes=found, checked=checked)

    def check(self, request: Request, form: Form) -> Response:
        """Run a target's code, and say what came of it."""
        run, _ = self._run(form)
        if (target := one(form, "target")) not in TARGETS:
            raise ConfigError(f"target: expected one of {', '.join(TARGETS)}, found {target[:60]!r}")
        return JSONResponse({"result": self._site.checks.check(run, target)})

    def report(self, request: Request, form: Form) -> Response:
        """Return the report of an evaluation."""
        run, _ = self._run(form)
        path = run / EVAL / PAGE
        if several := one(form, "queries"):
            path = run / EVAL / set_folder(several) / PAGE
        headers = {"content-security-policy": _REPORT_POLICY}
        return HTMLResponse(_text(self._site, path), headers=headers)

    def card(self, request: Request, form: Form) -> Response:
        """Show the model card."""
        run, name = self._run(form)
        return page(request, "card.html", run=name, text=_text(self._site, run / EVAL / "model_card.md"))

    # ── search, browse, side by side ─────────────────────────────────────────────────────────────────────────────────

    def search(self, request: Request, form: Form) -> Response:
        """Ask a query of a run, and of others beside it."""
        _, name = self._run(form)
        query, chosen, found = one(form, "q"), form.get("system", []), {}
        k = one(form, "k", "5")
        number = min(_MOST_PASSAGES, max(1, int(k))) if k.isdecimal() else 5
        opened = self._site.opened(self._runs(form)).runs
        problem = None
        with self._site.turn:
            usual = opened.usual(next(iter(opened.opened)))
            if "q" in form:
                try:
                    found = opened.compare(query, number, systems=chosen)
                except ConfigError as error:
                    problem = str(error)
        return page(
            request, "search.html", run=name, runs=found, query=query, k=number, systems=opened.first.systems,
            chosen=chosen or usual, marks=MARKS, place_of=place_of, shown=shown, problem=problem,
            others=self._others(name), compared=[self._site.root.name_of(each) for each in self._runs(form)[1:]],
        )  # fmt: skip

    def _others(self, name: str) -> list[str]:
        return [
            row.name for row in read_rows(self._site.root) if row.name != name and row.stage in ("trained", "evaluated")
        ]

    def browse(self, request: Request, form: Form) -> Response:
        """Show which queries changed, and one of them."""
        _, name = self._run(form)
        opened = self._site.opened(self._runs(form)[:1])
        choice = Choice(**{part: one(form, part) for part in Choice._fields if part != "run" and one(form, part)})
        with self._site.turn:
            offer = opened.browsing.offer(choice)
            looked_at = opened.browsing.lists(offer, one(form, "query"))
        return page(request, "browse.html", run=name, offer=offer, looked_at=looked_at, query=one(form, "query"))

    def side(self, request: Request, form: Form) -> Response:
        """Hold runs against the first one."""
        names = list(dict.fromkeys(form.get("run", [])))
        if len(names) < 2:
            raise ConfigError(
                "runs: expected two or more to hold side by side, found fewer", hint="tick them in the table of runs"
            )
        runs = [self._site.root.find(name) for name in names[:5]]
        pairs = [(name, side_by_side(runs[0], run)) for name, run in zip(names[1:5], runs[1:], strict=True)]
        return page(request, "side.html", first=names[0], pairs=pairs, primary=PRIMARY)

    # ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def judge(
        self, request: Request, form: Form, listed: object = None, problem: EmbedtuneError | None = None
    ) -> Response:
        """Show the next passage to a judge, or a list of queries to choose from."""
        _, name = self._run(form)
        judge = judge_name(one(form, "judge"))
        opened = self._site.opened(runs := self._runs(form))
        with self._site.turn:
            judging = self._site.judging(runs, judge)
            task = judging.next()
            progress = judging.progress()
        folder = judging.folder
        pieces = marked_text(task.passage.text, task.query.text, opened.runs.excerpts) if task else []
        return page(
            request, "judge.html", 200 if problem is None else 400, run=name, judge=judge, unnamed=UNNAMED, task=task,
            pieces=pieces, place=place_of(task.passage) if task else "", progress=progress,
            n_queries=len(folder.queries), judges={who: sum(map(len, said.values())) for who, said in folder.by_judge.items()},
            agreements=agreements(folder.by_judge), disputed=disputed(folder.by_judge), listed=listed, problem=problem,
            can_grow=self._site.root.can_grow, others=self._others(name),
            compared=[self._site.root.name_of(each) for each in runs[1:]],
        )  # fmt: skip

    def _again(self, form: Form) -> Response:
        """Show the next passage to the same judge."""
        return go("/judge", run=one(form, "run"), judge=one(form, "judge"), **{"with": form.get("with", [])})

    def list_queries(self, request: Request, form: Form) -> Response:
        """Show the queries of a list, to choose from, before any is kept."""
        try:
            return self.judge(request, form, listed=read_queries(one(form, "queries")))
        except ConfigError as error:
            return self.judge(request, form, problem=error)

    def add(self, request: Request, form: Form) -> Response:
        """Keep the chosen queries of a list."""
        with self._site.turn:
            self._site.judging(self._runs(form), judge_name(one(form, "judge"))).ask(form.get("chosen", []))
        return self._again(form)

    def say(self, request: Request, form: Form) -> Response:
        """Take a grade."""
        grade = one(form, "grade")
        if grade not in _GRADES:
            raise ConfigError(f"grade: expected one of {', '.join(_GRADES)}, found {grade[:60]!r}")
        with self._site.turn:
            judging = self._site.judging(self._runs(form), judge_name(one(form, "judge")))
            judging.say(one(form, "query_id"), one(form, "passage_id"), _GRADES[grade])
        return self._again(form)

    def back(self, request: Request, form: Form) -> Response:
        """Take the last grade back."""
        with self._site.turn:
            self._site.judging(self._runs(form), judge_name(one(form, "judge"))).back()
        return self._again(form)

    def evaluate(self, request: Request, form: Form) -> Response:
        """Start an evaluation on what was judged."""
        run, name = self._run(form)
        start_evaluation(self._site.root, run, self._site.judgements_of(run))
        return go("/watch", run=name)

    def train(self, request: Request, form: Form) -> Response:
        """Make and start a new run that trains on what was judged."""
        run, _ = self._run(form)
        opened = self._site.opened([run])
        judging = self._site.judging([run], UNNAMED)
        new = learn_from_judgements(self._site.root, run, judging.folder, opened.runs.first.passages)
        start_run(self._site.root, new)
        return go("/watch", run=self._site.root.name_of(new))


def _text(site: Site, path: Path) -> str:
    """Return a file of a run, which no link leads away from it."""
    try:
        return read_text(site.root.find(site.root.name_of(path)))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.name}: expected a text of this run, found: {error}") from error


def styles() -> str:
    """Return the style sheet of reports, whose charts the page shows too."""
    return stylesheet()[0]
