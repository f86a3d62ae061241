//! What a host shows: a terminal screen with its history, and how keys are encoded for it.
