//! Walk-throughs that are executed as tests.
