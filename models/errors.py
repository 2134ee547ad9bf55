"""The error tree of `models`. Every message says what came, what is allowed and what to do."""


class HuiyinError(Exception):
    """Root of every error that huiyin raises on purpose."""


class TaxonomyError(HuiyinError):
    """A taxonomy file breaks a rule; the message names the file and the line."""


class BundleError(HuiyinError):
    """A model bundle cannot be read or written."""


class BundleCorrupt(BundleError):
    """A file of the bundle is missing, was changed, or holds something unknown."""


class BundleTooNew(BundleError):
    """The bundle was written in a newer format than this program reads."""


class InputError(HuiyinError):
    """What the caller handed over cannot be read as comments."""


class MissingExtraError(HuiyinError, ImportError):
    """A part needs packages that the base install leaves out; the message names the command."""
