"""Reports for ethics reviewers, designers and statisticians: they read result files and the protocol, and compute nothing else."""

from odisea.report.check import write_check_report
from odisea.report.power import write_power_report
from odisea.report.trial import write_trial_report

__all__ = ["write_check_report", "write_power_report", "write_trial_report"]
