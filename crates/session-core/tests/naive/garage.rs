//! The sessions of a gated lot whose lanes are in `hold`, from all reads that were ever sent about it.
