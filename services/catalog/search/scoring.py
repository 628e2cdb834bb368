"""Running a plan over the columns of the embedded index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.clauses import Alternative, Clause
from services.catalog.search.columns import Columns, Posting, Rows
from services.catalog.search.lexicon import Facet, Units
from services.catalog.search.port import COUNTED, Found, Ranked, Viewer, by_score
from services.catalog.search.ranking import ENOUGH, Plan

Texts = Callable[[Units], Rows]
Mask = NDArray[np.bool_]
_ORDER = {"newest": "created", "stars": "stars", "downloads": "downloads", "mos": "mos"}


@dataclass(frozen=True)
class Run:
    """One plan over the columns, through the eyes of one viewer; `texts` answers the rows that have a phrase."""

    columns: Columns
    texts: Texts
    titles: Texts
    plan: Plan
    seen: Mask

    @classmethod
    def of(cls, columns: Columns, texts: Texts, titles: Texts, plan: Plan, viewer: Viewer) -> Run:
        """A run for a viewer."""
        return cls(columns, texts, titles, plan, columns.visible(viewer.principals))

    def admitted(self, rows: Rows) -> Rows:
        """Those of the rows that are seen and satisfy every condition of the plan that is never relaxed."""
        kept = rows[self.seen[rows]]
        for group in self.plan.required:
            kept = kept[self._any(group, kept)]
        for facet in self.plan.without:
            kept = kept[~self._any([facet], kept)]
        for kind in self.plan.without_kinds:
            kept = kept[~np.logical_and.reduce([self._any(group, kept) for group in kind])]
        for bound in self.plan.bounds:
            kept = kept[self.columns.holds(bound, kept)]
        for phrase in self.plan.phrases:
            kept = kept[self._marked(self.texts(phrase))[kept]]
        for phrase in self.plan.without_text:
            kept = kept[~self._marked(self.texts(phrase))[kept]]
        return kept

    def exact(self) -> Rows:
        """The rows that have all that was asked for, and those that are called so."""
        groups = [self.plan.clauses[number] for number in self.plan.exact]
        texts = self.plan.texts
        found = self.admitted(self._narrowest(groups, texts))
        for clause in groups:
            found = found[self.credits(clause.exact, found) > 0]
        if texts:
            found = found[self._marked(self._union(texts))[found]]
        if self.plan.called:
            found = np.union1d(found, self.admitted(self.titles(self.plan.called)))
        if not self.plan.name:
            return found
        named = self.titles(self.plan.name)
        return np.union1d(found, named[self.seen[named]])

    def near(self, exact: Rows) -> Rows:
        """The rows that have something of what was asked for and are not exact."""
        alternatives = [a for clause in self.plan.clauses for a in clause.alternatives]
        return np.setdiff1d(self.admitted(self._union(alternatives)), exact, assume_unique=True)

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """The scores of rows."""
        total = self.columns.numbers["standing"][rows].copy()
        for clause in self.plan.clauses:
            total += clause.weight * self.credits(clause.alternatives, rows)
        return np.round(total, 6)

    def credits(self, alternatives: Sequence[Alternative], rows: Rows) -> NDArray[np.float64]:
        """The best credit of the alternatives for each of the rows."""
        found = np.zeros(len(rows))
        for alternative in alternatives:
            has = self._has(alternative, rows)
            found[has] = np.maximum(found[has], alternative.credit)
        return found

    def found(self, limit: int, order: str) -> Found:
        """The whole answer."""
        exact = self.exact()
        hits = self._best(exact, limit, order, near=False)
        if len(exact) < min(limit, ENOUGH) and not self.plan.name:
            near = self.near(exact)
            told = self.scores(near) - self.columns.numbers["standing"][near]
            kept = near[told >= self.plan.near_least]
            hits += self._best(kept, min(limit, ENOUGH) - len(hits), order, near=True)
            if order not in _ORDER:
                hits = by_score(hits)
        return Found(hits, len(exact), self._counts(exact))

    def _narrowest(self, groups: Sequence[Clause], texts: Sequence[Alternative]) -> Rows:
        """The fewest rows among which all exact hits are."""
        ways = [[Alternative(1.0, facet) for facet in group] for group in self.plan.required]
        ways += [[*clause.exact] for clause in groups]
        sized = [(sum(len(self._rows(way)) for way in group), number) for number, group in enumerate(ways)]
        if sized:
            return self._union(ways[min(sized)[1]])
        if self.plan.phrases:
            return self.texts(self.plan.phrases[0])
        return self._union(texts) if texts else np.flatnonzero(self.seen)

    def _best(self, rows: Rows, limit: int, order: str, near: bool) -> list[Ranked]:
        scores = self.scores(rows)
        keys = self.columns.numbers[_ORDER[order]][rows] if order in _ORDER else scores
        keys = np.nan_to_num(keys, nan=-1.0)
        if len(rows) > 4 * limit:
            kept = np.flatnonzero(keys >= np.partition(keys, len(keys) - limit)[len(keys) - limit])
            rows, scores, keys = rows[kept], scores[kept], keys[kept]
        ids = self.columns.ids
        newest = sorted(range(len(rows)), key=lambda p: ids[rows[p]], reverse=True)
        places = sorted(newest, key=lambda p: (-keys[p], -scores[p]))[:limit]
        chosen = rows[places]
        parts = [(c.label, c.weight * self.credits(c.alternatives, chosen)) for c in self.plan.clauses]
        return [
            Ranked(
                ids[row],
                float(scores[place]),
                self.columns.families[row],
                near,
                {label: round(float(values[i]), 4) for label, values in parts if values[i]}
                | {"standing": round(float(self.columns.numbers["standing"][row]), 4)},
            )
            for i, (row, place) in enumerate(zip(chosen.tolist(), places, strict=True))
        ]

    def _counts(self, rows: Rows) -> Mapping[Facet, int]:
        here = self._marked(rows)
        counted = {
            facet: self._count(facet, posting, rows, here)
            for facet, posting in self.columns.postings.items()
            if facet.key in COUNTED
        }
        return {facet: count for facet, count in sorted(counted.items()) if count}

    def _count(self, facet: Facet, posting: Posting, rows: Rows, here: Mask) -> int:
        """How many of the rows, which are marked too, have a facet; looked for among the fewer."""
        fewer = len(posting.rows) < len(rows)
        return int(np.count_nonzero(here[posting.rows] if fewer else self.columns.has(facet)[rows]))

    def _any(self, facets: Sequence[Facet], rows: Rows) -> Mask:
        found = np.zeros(len(rows), np.bool_)
        for facet in facets:
            if facet in self.columns.postings:
                found |= self._has(Alternative(1.0, facet=facet), rows)
        return found

    def _has(self, alternative: Alternative, rows: Rows) -> Mask:
        facet = alternative.facet
        if facet and facet.key in COUNTED and facet in self.columns.postings:
            return self.columns.has(facet)[rows]
        return self._marked(self._rows(alternative))[rows]

    def _marked(self, rows: Rows) -> Mask:
        found = np.zeros(self.columns.capacity, np.bool_)
        found[rows] = True
        return found

    def _union(self, alternatives: Sequence[Alternative]) -> Rows:
        found = np.zeros(self.columns.capacity, np.bool_)
        for alternative in alternatives:
            found[self._rows(alternative)] = True
        return np.flatnonzero(found)

    def _rows(self, alternative: Alternative) -> Rows:
        return self.columns.rows([alternative.facet]) if alternative.facet else self.texts(alternative.phrase)
