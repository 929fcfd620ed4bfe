from core.errors import AskError as AskError
from core.experiment.settings import Experiment as Experiment
from core.neurons.interventions import METHODS as METHODS
from core.neurons.scores import SCORES as SCORES
from core.pipeline.measure_table import MEASURES as MEASURES
from core.pipeline.result import Result as Result
from core.version import __version__ as __version__
