//! The figures that the ways of lowering are chosen by, and that outcomes can be had again.
