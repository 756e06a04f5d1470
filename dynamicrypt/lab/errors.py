"""What can be wrong with an experiment, with the files of its results, and around it."""

from dynamicrypt.errors import LocalError, ParameterError


class ExperimentError(ParameterError):
    """An experiment cannot be made like this. Change the number or name that is told."""


class RecordError(ParameterError):
    """A file holds something else than the results of this experiment. Name another one."""


class ExtraError(LocalError):
    """A package of an extra is missing. Install the extra that is told."""
