"""python -m training.baseline --data train.jsonl [--data more.jsonl] --output DIR [--taxonomy FILE]

Fits the linear yardstick: TF-IDF of jieba words and character n-grams, one logistic regression per output
(scikit-learn, liblinear). Presence is learnt from whole comments and from the annotated quotes, sentiment
from the quotes. A slice of the comments is held out to scale the scores and to set the thresholds; then
everything is fitted once more on all comments. Takes minutes for 15,000 comments; a killed run leaves nothing
behind and is started again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from models.baseline import Baseline
from models.calibration import Calibration
from models.errors import HuiyinError
from models.linear import LinearModel
from models.taxonomy import Taxonomy
from models.terms import Floats, Ints, inverse_frequency, term_rows
from training.corpus import Comment, read_comments
from training.counts import count
from training.errors import TrainingError
from training.linear_calibration import calibrated
from training.linear_tasks import Bools, Material
from training.metrics import metrics, scored
from training.progress import Shown
from training.stage import run_stage

MIN_EXAMPLES: Final = 3
"""An output with fewer positive examples is left at its base rate: it is hardly ever given."""
COARSE: Final = 1e-2
FINE: Final = 1e-3
"""Stopping tolerances of the solver: to rank terms, and to fit the model."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineConfig:
    """How to fit.

    strength: inverse of the L2 penalty. terms: at most so many are kept, those with most weight.
    min_documents: a term in fewer comments is not read. quote_weight: what a quote counts beside a comment.
    balance: 0 counts every example alike, 1 as much of either class. held_out: share of the comments that
    sets thresholds and scales.
    """

    strength: float = 8.0
    terms: int = 64_000
    min_documents: int = 3
    quote_weight: float = 0.5
    balance: float = 1.0
    held_out: float = 0.15
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("strength", "terms", "min_documents", "quote_weight"):
            if getattr(self, name) <= 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 <= self.balance <= 1:
            raise TrainingError(f"balance is {self.balance}; it must be from 0 to 1")
        if not 0 < self.held_out < 1:
            raise TrainingError(f"held_out is {self.held_out}; it must lie between 0 and 1")


DEFAULTS: Final = BaselineConfig()


def fit_baseline(
    comments: Sequence[Comment], taxonomy: Taxonomy, config: BaselineConfig, *, name: str = "huiyin-baseline"
) -> LinearModel:
    """Fits, scales and thresholds a model. Equal comments and settings give an equal model.

    Raises TrainingError where there are too few comments to hold some out.
    """
    fitted_on, held_out = _split(len(comments), config)
    material = Material(comments, taxonomy)
    part = np.isin([example.comment for example in material.examples], fitted_on)
    # More threads add up in another order: the model would depend on the machine's cores.
    with threadpool_limits(limits=1), Shown(total=3 * len(material.tasks), label="baseline") as shown:
        fitter = _Fitter(material, config, shown)
        terms = fitter.chosen_terms(part)
        draft = fitter.model(terms, part, taxonomy, name)
        test = [comments[place] for place in held_out]
        scales, calibration = calibrated(draft, test)
        measured = _measured(Baseline(scales.applied(replace(draft, calibration=calibration))), test)
        final = fitter.model(terms, np.ones(len(part), np.bool_), taxonomy, name)
    settings = {**asdict(config), "comments": len(comments), "held_out_comments": len(test)}
    versions = {package: version(package) for package in ("jieba", "scikit-learn")}
    return replace(
        scales.applied(final),
        calibration=calibration,
        metrics={"held_out": measured},
        training={**settings, "versions": versions},
    )


class _Fitter:
    """Fits the tasks of a material; keeps what the three passes share."""

    def __init__(self, material: Material, config: BaselineConfig, shown: Shown) -> None:
        self.material, self.config, self._shown = material, config, shown
        self._done = 0

    def chosen_terms(self, part: Bools) -> list[str]:
        """The terms worth keeping, in the order in which they were met. Shape of part: (examples,)"""
        whole = [example.terms for example in self.material.examples if not example.is_quote]
        documents = np.zeros(len(self.material.vocabulary))
        for terms in whole:
            documents[np.unique(terms)] += 1
        common = np.flatnonzero(documents >= min(self.config.min_documents, len(whole)))
        if len(common) > self.config.terms:
            matrix, _ = self._matrix(common)
            weights, _ = self._fit(matrix, part, COARSE)
            # A term's share in the scores of an output, over all outputs.
            spread = np.sqrt(np.asarray(matrix.multiply(matrix).mean(axis=0)).ravel())[:, None] * np.abs(
                weights
            )
            share = spread / np.maximum(np.linalg.norm(spread, axis=0), 1e-12)
            order = np.argsort(-np.linalg.norm(share, axis=1), kind="stable")
            common = np.sort(common[order[: self.config.terms]])
        else:
            self._advance(len(self.material.tasks))
        names = list(self.material.vocabulary)
        return [names[term] for term in common]

    def model(self, terms: Sequence[str], part: Bools, taxonomy: Taxonomy, name: str) -> LinearModel:
        """The model of the examples in `part`, with scores as they come."""
        matrix, idf = self._matrix(np.array([self.material.vocabulary[term] for term in terms], np.int64))
        weights, bias = self._fit(matrix, part, FINE)
        return LinearModel(
            name=name,
            taxonomy=taxonomy,
            vocabulary=tuple(terms),
            idf=idf,
            weights=weights.astype(np.float32),
            bias=bias.astype(np.float32),
            calibration=Calibration(),
            metrics={},
            training={},
        )

    def _matrix(self, terms: Ints) -> tuple[Any, Floats]:
        """TF-IDF of every example, shape (examples, terms), and the IDF as it is stored, shape (terms,)."""
        place = np.full(len(self.material.vocabulary), -1)
        place[terms] = np.arange(len(terms))
        found = [place[example.terms] for example in self.material.examples]
        found = [places[places >= 0] for places in found]
        comments = [
            places for places, one in zip(found, self.material.examples, strict=True) if not one.is_quote
        ]
        idf = inverse_frequency(comments, len(terms)).astype(np.float16).astype(np.float32)
        rows = term_rows(found, idf)
        shape = (len(found), len(terms))
        return csr_matrix((rows.values.astype(np.float64), rows.columns, rows.starts), shape=shape), idf

    def _fit(self, matrix: Any, part: Bools, tolerance: float) -> tuple[Doubles, Doubles]:
        """Weights and bias. Shape: (terms, outputs), (outputs,)"""
        weights = np.zeros((matrix.shape[1], len(self.material.outputs)))
        bias = np.zeros(len(self.material.outputs))
        quotes = np.array([example.is_quote for example in self.material.examples])
        for task in self.material.tasks:
            chosen = part[task.rows]
            rows, positive = task.rows[chosen], task.positive[chosen]
            given = int(positive.sum())
            if min(given, len(rows) - given) < MIN_EXAMPLES:
                bias[task.column] = np.log((given + 0.5) / (len(rows) - given + 0.5))
            else:
                counts = np.where(positive, given, len(rows) - given)
                counted = (len(rows) / (2 * counts)) ** self.config.balance
                counted = counted * np.where(quotes[rows], self.config.quote_weight, 1.0)
                regression = LogisticRegression(
                    C=self.config.strength, solver="liblinear", tol=tolerance, max_iter=1000, random_state=0
                )
                regression.fit(matrix[rows], positive, sample_weight=counted)
                weights[:, task.column], bias[task.column] = regression.coef_[0], regression.intercept_[0]
            self._advance(1)
        return weights, bias

    def _advance(self, fits: int) -> None:
        self._done += fits
        self._shown.update(self._done, f"{len(self.material.comments):,} comments")


def _split(comments: int, config: BaselineConfig) -> tuple[Ints, Ints]:
    """Places of the comments to fit on and to hold out."""
    held_out = round(comments * config.held_out)
    if held_out < 1 or held_out == comments:
        raise TrainingError(
            f"{comments} comments cannot be split in two with held_out {config.held_out}; give at least "
            f"{int(np.ceil(1 / config.held_out))} comments"
        )
    order = np.random.default_rng(config.seed).permutation(comments)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _measured(model: Baseline, comments: Sequence[Comment]) -> dict[str, float]:
    """The numbers of `training.metrics` that could be computed."""
    counts = count(
        comments,
        model.tag([comment.text for comment in comments]),
        touchpoints=model.taxonomy.touchpoint_ids,
        dimensions=model.taxonomy.dimension_ids,
    ).total()
    found = {name: float(one.value[0]) for name, one in metrics(counts, scored(counts)).items()}
    return {name: round(value, 4) for name, value in found.items() if np.isfinite(value)}


def main(
    data: Annotated[list[Path], typer.Option(help="labelled comments, .jsonl or .csv (repeatable)")],
    output: Annotated[Path, typer.Option(help="folder to write")],
    taxonomy: Annotated[Path | None, typer.Option(help="YAML; the shipped taxonomy if not given")] = None,
    name: Annotated[str, typer.Option(help="name of the model")] = "huiyin-baseline",
    terms: Annotated[int, typer.Option(help="most terms to keep")] = DEFAULTS.terms,
    seed: int = DEFAULTS.seed,
) -> None:
    """Fit the linear yardstick and save it."""
    try:
        labels = Taxonomy.load(taxonomy)
        comments = [comment for path in data for comment in read_comments(path, labels)]
        model = fit_baseline(comments, labels, BaselineConfig(terms=terms, seed=seed), name=name)
        saved = model.save(output)
    except HuiyinError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    size = sum(path.stat().st_size for path in output.iterdir())
    typer.echo(f"{output}: {saved.identity}, {len(saved.vocabulary):,} terms, {size / 1e6:.1f} MB")
    for metric, value in saved.metrics["held_out"].items():
        typer.echo(f"  {metric} {value:.3f}")


if __name__ == "__main__":
    run_stage(main)
