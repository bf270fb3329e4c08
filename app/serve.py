"""streamlit run, for a dashboard whose pages lie in a folder pages/.

Until a script first calls st.navigation, Streamlit takes every file of that folder for a page of its own: somebody who
opens /weights before anybody opened / would get that page without dashboard.py around it.
"""

from __future__ import annotations

import sys

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    sys.exit(main())
