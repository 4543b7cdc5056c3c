"""Reading files that may be broken or hostile, within bounds that are known beforehand."""
