//! The look-out on a virtual clock.
