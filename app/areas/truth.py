"""How well low weights find what the renderer planted to mislead."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.figures.maps import TITLES
from app.weights.corpus import stamp
from hrs.scoring.areas import LEAST_SHARE
from hrs.scoring.areatable import AreaTable
from hrs.scoring.truth import SHARES, HitRate, hit_rates

_TOLD = 0.05  # the share of pixels that the sentence speaks of


def show_truth(table: AreaTable) -> None:
    """The hit rate in a sentence, and in a table by map. Raises HRSError where no harm was planted."""
    share, rates = _rates(stamp(table.corpus), table)
    combined = rates[table.corpus.maps[0]]
    told, found, all_of_them = map(_percent, (_TOLD, combined.precision[_TOLD], share))
    st.markdown(
        f"**Of the {told} of pixels in the areas that weigh least, {found} were planted to mislead; of all pixels in "
        f"areas, {all_of_them} were.** AUROC {combined.auroc:.2f}."
    )
    st.caption(
        "Planted: put there by the renderer, which alone knows what it did. "
        "AUROC: the chance that a misleading pixel weighs less than another one; 0.5 says nothing, 1 is perfect. Every "
        f"pixel counts with the weight of its area; pieces below {100 * LEAST_SHARE:.2f} % of a frame are no areas and "
        "take no part. The button Planted faults outlines them on a frame's pictures."
    )
    number = st.column_config.NumberColumn
    rows = [
        {"map": TITLES[name], "auroc": rate.auroc, **{str(part): 100 * rate.precision[part] for part in SHARES}}
        for name, rate in rates.items()
    ]
    percent = {str(part): number(f"Lowest {_percent(part)}", format="%.0f %%") for part in SHARES}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            "map": st.column_config.TextColumn("Map", pinned=True),
            "auroc": number("AUROC", format="%.2f"),
            **percent,
        },
        alt="Share of what was planted to mislead among the pixels that weigh least, by map",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _rates(key: str, _table: AreaTable) -> tuple[float, dict[str, HitRate]]:
    return hit_rates(_table)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
