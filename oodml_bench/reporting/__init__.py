"""What people look at: figures, and the report page."""

from oodml_bench.reporting.figures import plot_agreement, plot_ags, plot_curves, plot_few_shot, plot_fid, plot_umap
from oodml_bench.reporting.report import write_report

__all__ = ["plot_agreement", "plot_ags", "plot_curves", "plot_few_shot", "plot_fid", "plot_umap", "write_report"]
