"""What people look at: figures."""

from oodml_bench.reporting.figures import plot_agreement, plot_ags, plot_curves, plot_few_shot, plot_fid, plot_umap

__all__ = ["plot_agreement", "plot_ags", "plot_curves", "plot_few_shot", "plot_fid", "plot_umap"]
