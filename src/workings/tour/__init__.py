"""All seven jobs and three studies in ten minutes, on one page; called, it is the verb that does it."""

import sys

from workings import VerbPackage

sys.modules[__name__].__class__ = VerbPackage
