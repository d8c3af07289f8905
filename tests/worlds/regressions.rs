//! The least worlds in which a rule was once broken, by what broke it.
